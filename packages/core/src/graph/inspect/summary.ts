/** A model as rows, as Keras prints them: what each part makes of an example, and how many parameters it has. */
import type { LayersModel } from '../../study/model.ts'
import { dimensionOf } from '../../weights.ts'
import type { Extents, WeightSpec } from '../layers/layer.ts'
import { kindOf, resolveLayers } from '../layers/resolve.ts'
import { extentsOf, type Inputs, networkOf } from '../network.ts'
import type { Trace } from './trace.ts'

export type SummaryRow = {
  readonly name: string
  /** A kind of layer, or operators. */
  readonly kind: string
  readonly output: Extents
  /** Values that are learnt, and values that the layer keeps up itself. */
  readonly learnt: number
  readonly kept: number
  /** Values that a study freezes where they start. */
  readonly frozen: number
}

function countOf(weights: readonly WeightSpec[]): Pick<SummaryRow, 'learnt' | 'kept' | 'frozen'> {
  const frozen = weights.filter((weight) => weight.frozen === true)
  const learnt = weights.filter((weight) => weight.learnt)
  const counts = { learnt: dimensionOf(learnt), frozen: dimensionOf(frozen) }
  return { ...counts, kept: dimensionOf(weights) - counts.learnt - counts.frozen }
}

/** A row a layer; branches are part of theirs. Errors: WR_STUDY_INVALID. */
export function summaryOfLayers(model: Omit<LayersModel, 'personal'>, inputs: Inputs): readonly SummaryRow[] {
  const specs = new Map(networkOf({ personal: [], ...model }, inputs).weights.map((spec) => [spec.name, spec]))
  return resolveLayers(model.layers, extentsOf(inputs)).map(({ name, output, weights }, index) => {
    const layer = model.layers[index]
    const own = weights.flatMap((weight) => specs.get(weight.name) ?? [])
    return { name, kind: layer === undefined ? '' : kindOf(layer), output, ...countOf(own) }
  })
}

/**
 * A row for each part of an imported model that has weights, by the names of these: `layer1.0.conv1.weight` is of `layer1.0.conv1`. Weights without such a
 * name are a part of their own.
 */
export function summaryOfTrace({ nodes }: Trace, weights: readonly WeightSpec[]): readonly SummaryRow[] {
  const specs = new Map(weights.map((spec) => [spec.name, spec]))
  const uses = nodes.flatMap(({ op, output, weights: names }) =>
    names.flatMap((name) => {
      const spec = specs.get(name)
      return spec === undefined ? [] : [{ part: partOf(name), op, output, spec }]
    }),
  )
  return [...Map.groupBy(uses, ({ part }) => part)].map(([name, of]) => ({
    name,
    kind: [...new Set(of.map(({ op }) => op))].join(', '),
    output: of.at(-1)?.output ?? [],
    ...countOf(of.map(({ spec }) => spec)),
  }))
}

/** Without its last step, which says what it is to its layer; PyTorch parts steps with dots, Keras with slashes. */
export const partOf = (weight: string): string => /^(.+)[./][^./]*$/.exec(weight)?.[1] ?? weight
