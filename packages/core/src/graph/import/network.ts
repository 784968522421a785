/** A model from an ONNX file as a network: which of its tensors are learnt, what it must be given, what it makes. */
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import type { Model } from '../decode-model.ts'
import type { Graph, Node, ValueInfo } from '../ir.ts'
import type { Context, DrawSpec, Extents, WeightSpec } from '../layers/layer.ts'
import type { Network } from '../network.ts'
import { invalid, refused, shown } from './known.ts'
import { type FloatTensor, isFloat, withOwnWeights } from './own-weights.ts'
import { replay, type Watch } from './replay.ts'
import { requireOpset } from './upgrade.ts'

export type ImportedModel = {
  readonly network: Network
  /** First values of the network's weights, in their order. */
  readonly weights: readonly Float32Array[]
}

/** `watch` looks on while the model is tried. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function importModel({ graph: written, opset }: Model, watch?: Watch): ImportedModel {
  requireOpset(opset)
  const { graph, activation } = withoutLastActivation(withOwnWeights(written))
  const input = inputOf(graph)
  const weights = weightsOf(graph)
  const appendAs = (
    b: GraphBuilder,
    x: string,
    { context, by }: { context: Context; by?: Watch | undefined },
  ): string => {
    const names = new Map([[input.name, x], ...weights.map(({ spec: { name } }) => [name, name] as const)])
    return replay(b, { graph, opset, names, context, watch: by })[0] ?? ''
  }
  const append: Network['append'] = (b, x, context) => appendAs(b, x, { context })
  const extents = extentsOf(input)
  const tried = trial((b, x, context) => appendAs(b, x, { context, by: watch }), {
    extents,
    specs: weights.map(({ spec }) => spec),
  })
  return {
    network: {
      input: extents,
      output: tried.output,
      weights: weights.map(({ spec }) => spec),
      draws: tried.draws,
      activation,
      append,
    },
    weights: weights.map(({ tensor }) => tensor.data),
  }
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

/** The one input that is no weight. Errors: WR_GRAPH_REFUSED for several, or an extent beside the batch that is not fixed. */
function inputOf(graph: Graph): ValueInfo {
  const given = new Set(graph.initializers.map(({ name }) => name))
  const inputs = graph.inputs.filter(({ name }) => !given.has(name))
  const [input] = inputs
  if (input === undefined || inputs.length > 1)
    throw refused(`it has ${inputs.length} inputs (${inputs.map(({ name }) => shown(name)).join(', ')}), and not one`)
  if (graph.outputs.length < 1) throw refused('it has no output')
  if (input.type !== 'float32') throw refused(`its input is of type ${input.type}, not float32`)
  return input
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

/** Losses take logits: a last sigmoid or softmax is left to them. */
function withoutLastActivation(graph: Graph): { graph: Graph; activation: Network['activation'] } {
  const [output] = graph.outputs
  const last = graph.nodes.find(({ outputs }) => output !== undefined && outputs[0] === output.name)
  const activation = last?.op === 'Sigmoid' ? 'sigmoid' : last?.op === 'Softmax' ? 'softmax' : undefined
  const [logits] = last?.inputs ?? []
  if (output === undefined || activation === undefined || logits === undefined) return { graph, activation: 'linear' }
  return { graph: { ...graph, outputs: [{ ...output, name: logits }] }, activation }
}

/** In the order of the file: floats that a node uses. Statistics of batch normalisation are not learnt, and neither are constants that exporters made up. */
function weightsOf(graph: Graph): readonly { spec: WeightSpec; tensor: FloatTensor }[] {
  const roles = rolesOf(graph.nodes)
  return graph.initializers.flatMap((tensor) => {
    const role = roles.get(tensor.name)
    if (!isFloat(tensor) || role === undefined) return []
    const isMadeUp = /^val_\d+$/.test(tensor.name)
    if (role === 'other' && (isMadeUp || tensor.shape.length === 0)) return []
    const { name, shape } = tensor
    const spec: WeightSpec = {
      name,
      shape,
      initial: { constant: 0 },
      learnt: role !== 'statistic',
      // Kernels, and not biases or scales.
      penalised: role !== 'statistic' && shape.length >= 2,
    }
    return [{ spec, tensor }]
  })
}

type Role = 'statistic' | 'operand' | 'other'

/** Operands that are never anything but learnt. */
const learntInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  GRU: [1, 2, 3],
  LSTM: [1, 2, 3],
  RNN: [1, 2, 3],
  Gather: [0],
}

/** What each value is used for; where it is for several things, as an operand first of all. */
function rolesOf(nodes: readonly Node[]): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>()
  for (const { op, inputs } of nodes) {
    const operands = Object.hasOwn(learntInputs, op) ? (learntInputs[op] ?? []) : []
    for (const [index, name] of inputs.entries()) {
      const isStatistic = op === 'BatchNormalization' && index >= 3
      const role: Role = operands.includes(index) ? 'operand' : isStatistic ? 'statistic' : 'other'
      if (role === 'operand' || !roles.has(name)) roles.set(name, role)
    }
  }
  return roles
}
