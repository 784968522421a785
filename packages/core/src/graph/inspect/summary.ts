/** A model as rows, as Keras prints them: what each part makes of an example, and how many parameters it has. */
import type { ModelSpec } from '../../study/model.ts'
import { sizeOf } from '../../weights.ts'
import type { Extents, WeightSpec } from '../layers/layer.ts'
import { kindOf, resolveLayers } from '../layers/resolve.ts'
import { extentsOf, type Inputs } from '../network.ts'
import type { Trace } from './trace.ts'

export type SummaryRow = {
  readonly name: string
  /** A kind of layer, or operators. */
  readonly kind: string
  readonly output: Extents
  /** Values that are learnt, and values that the layer keeps up itself. */
  readonly learnt: number
  readonly kept: number
}

const countOf = (weights: readonly WeightSpec[]): Pick<SummaryRow, 'learnt' | 'kept'> => {
  const sum = (wanted: boolean): number =>
    weights.reduce((total, { learnt, shape }) => total + (learnt === wanted ? sizeOf(shape) : 0), 0)
  return { learnt: sum(true), kept: sum(false) }
}

/** A row a layer; branches are part of theirs. Errors: WR_STUDY_INVALID. */
export const summaryOfLayers = ({ layers }: Pick<ModelSpec, 'layers'>, inputs: Inputs): readonly SummaryRow[] =>
  resolveLayers(layers, extentsOf(inputs)).map(({ name, output, weights }, index) => {
    const spec = layers[index]
    return { name, kind: spec === undefined ? '' : kindOf(spec), output, ...countOf(weights) }
  })

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
