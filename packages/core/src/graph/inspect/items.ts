/** What is drawn of a study's layers and of an imported model. */
import type { LayerSpec } from '../../study/layers.ts'
import { dimensionOf } from '../../weights.ts'
import type { Extents, WeightSpec } from '../layers/layer.ts'
import { kindOf, resolveLayers } from '../layers/resolve.ts'
import type { Item } from './diagram.ts'
import { partOf } from './summary.ts'
import type { Survey } from './survey.ts'
import type { Trace } from './trace.ts'

/** Branches are drawn as such. Errors: WR_STUDY_INVALID. */
export function itemsOfLayers(layers: readonly LayerSpec[], input: Extents): readonly Item[] {
  const items: Item[] = []
  append(items, layers, { input, from: -1 })
  return items
}

/** Where a list of layers ends: its last item, and what that makes. */
type End = { readonly input: Extents; readonly from: number }

function append(items: Item[], specs: readonly LayerSpec[], start: End): End {
  let end = start
  for (const spec of specs) {
    const [layer] = resolveLayers([spec], end.input)
    if (layer === undefined) continue
    const branches = branchesOf(spec)
    const ends = branches.map((branch) => append(items, branch, end).from)
    // What the branches hold is counted there.
    const parameters = branches.length > 0 ? 0 : dimensionOf(layer.weights)
    const from = branches.length > 0 ? [...new Set(ends)] : [end.from]
    items.push({ op: kindOf(spec), name: spec.name ?? '', output: layer.output, parameters, from })
    end = { input: layer.output, from: items.length - 1 }
  }
  return end
}

const branchesOf = (spec: LayerSpec): readonly (readonly LayerSpec[])[] => {
  if ('residual' in spec) return [spec.residual, []]
  if ('add' in spec) return spec.add
  return 'concat' in spec ? spec.concat : []
}

/** Parts are called as the exporter calls them or, where it does not say, as their weights are called. */
export function itemsOfTrace(
  { nodes }: Trace,
  { nodes: written }: Survey,
  weights: readonly WeightSpec[],
): readonly Item[] {
  const modules = new Map(written.map(({ outputs, module }) => [outputs[0] ?? '', module]))
  const specs = new Map(weights.map((spec) => [spec.name, spec]))
  return nodes.map(({ op, name, output, from, weights: own }) => {
    const module = modules.get(name) ?? ''
    const [first] = own
    return {
      op,
      name: module === '' && first !== undefined ? partOf(first) : module,
      output,
      parameters: dimensionOf(own.flatMap((weight) => specs.get(weight) ?? [])),
      from,
    }
  })
}
