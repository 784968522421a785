/** A model from an ONNX file as a network: which of its tensors are learnt, what it must be given, what it makes. */

import { dimensionOf } from '../../weights.ts'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import type { Model } from '../decode-model.ts'
import type { Dim, Graph, ValueInfo } from '../ir.ts'
import type { Context, DrawSpec, Extents, WeightSpec } from '../layers/layer.ts'
import type { Network } from '../network.ts'
import { graphLimits } from '../safelist.ts'
import { shown } from '../shown.ts'
import { type Bare, bareOf } from './bare.ts'
import { invalid, refused } from './known.ts'
import { withoutLastActivation } from './last-activation.ts'
import { replay, type Watch } from './replay.ts'
import { rolesOf } from './roles.ts'
import { requireOpset } from './upgrade.ts'

export type ImportedModel = {
  readonly network: Network
  /** First values of the network's weights, in their order. */
  readonly weights: readonly Float32Array[]
}

/** `watch` looks on while the model is tried. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function importModel(model: Model, watch?: Watch): ImportedModel {
  requireOpset(model.opset)
  const { bare, weights } = bareOf(model)
  return { network: networkOfBare(bare, watch), weights: weights.map(({ data }) => data) }
}

/** Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function networkOfBare({ graph: written, opset }: Bare, watch?: Watch): Network {
  requireOpset(opset)
  const { graph, activation } = withoutLastActivation(written)
  const [input, ...given] = graph.inputs
  const extents = inputOf(graph, input)
  const specs = specsOf(graph, given)
  const appendAs = (
    b: GraphBuilder,
    x: string,
    { context, by }: { context: Context; by?: Watch | undefined },
  ): string => {
    const names = new Map([[input?.name ?? '', x], ...specs.map(({ name }) => [name, name] as const)])
    return replay(b, { graph, opset, names, context, watch: by })[0] ?? ''
  }
  const append: Network['append'] = (b, x, context) => appendAs(b, x, { context })
  const tried = trial((b, x, context) => appendAs(b, x, { context, by: watch }), { extents, specs })
  return { input: extents, output: tried.output, weights: specs, draws: tried.draws, activation, append }
}

/** Examples that a model is tried with. */
export const trialBatch = 2

/** Appends the model for a small batch, to see what it makes and which draws it asks for. */
function trial(
  append: Network['append'],
  { extents, specs }: { extents: Extents; specs: readonly WeightSpec[] },
): { output: Extents; draws: readonly DrawSpec[] } {
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: [trialBatch, ...extents] })
  for (const { name, shape } of specs) b.input({ name, type: 'float32', shape })
  const draws: DrawSpec[] = []
  const draw = (spec: DrawSpec): string => {
    draws.push(spec)
    return b.input({ name: `draws/${spec.name}`, type: 'float32', shape: [trialBatch, ...spec.extents] })
  }
  const kept = new Set<string>()
  const keep = (tensor: string): void => {
    // Of what one of them makes of it, the other would know nothing.
    if (kept.has(tensor)) throw refused(`two batch normalisations share the running statistics ${shown(tensor)}`)
    kept.add(tensor)
  }
  const y = append(b, x, { draw, keep })
  const [batch, ...output] = b.shape(y).map(Number)
  if (batch !== trialBatch)
    throw refused(
      'its output does not have the batch in front: it may have been exported for a batch of one size alone',
    )
  return { output, draws }
}

/** What an example is. Errors: WR_GRAPH_REFUSED for other than Float32, or an extent beside the batch that is not fixed. */
function inputOf(graph: Graph, input: ValueInfo | undefined): Extents {
  if (input === undefined) throw refused('it has no input')
  if (graph.outputs.length < 1) throw refused('it has no output')
  if (input.type !== 'float32') throw refused(`its input is of type ${input.type}, not float32`)
  return extentsOf(input)
}

function extentsOf({ shape }: ValueInfo): Extents {
  const [batch, ...extents] = shape
  if (typeof batch !== 'string')
    throw refused(`it was exported for a batch of ${batch ?? 'no size'} alone: export it with a batch of any size`)
  return extents.map((extent) => {
    if (typeof extent === 'string') throw refused(`an extent of its input is not fixed (${shown(extent)})`)
    if (extent < 1) throw invalid(`an extent of its input is ${extent}`)
    return extent
  })
}

function fixedExtent(name: string, extent: Dim): number {
  if (typeof extent === 'string' || extent < 1) throw invalid(`an extent of the weight ${shown(name)} is ${extent}`)
  return extent
}

/** Statistics of batch normalisation are not learnt. Errors: WR_GRAPH_INVALID where a weight is none, or is a constant, too. */
function specsOf({ nodes, initializers }: Graph, weights: readonly ValueInfo[]): readonly WeightSpec[] {
  const roles = rolesOf(nodes)
  const constants = new Set(initializers.map(({ name }) => name))
  const specs = weights.map(({ name, type, shape }) => {
    const role = roles.get(name)
    if (role === undefined || type !== 'float32' || constants.has(name)) throw invalid(`${shown(name)} is no weight`)
    const isLearnt = role !== 'statistic'
    return {
      name,
      shape: shape.map((extent) => fixedExtent(name, extent)),
      initial: { constant: 0 },
      learnt: isLearnt,
      // Kernels, and not biases or scales.
      penalised: isLearnt && shape.length >= 2,
    }
  })
  if (dimensionOf(specs) > graphLimits.tensorValues)
    throw refused(`it has more than ${graphLimits.tensorValues} weights`)
  return specs
}
