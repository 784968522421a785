/** Models of another's hand: read as a network, and tried as a training graph (packages/core/src/graph/import/, gradients/). */
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { differentiate } from '@wardround/core/graph/differentiate.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { importModel } from '@wardround/core/graph/import/network.ts'
import { type Graph, int, ints, type Node, subgraph, type Tensor, text } from '@wardround/core/graph/ir.ts'
import type { Network } from '@wardround/core/graph/network.ts'
import fc from 'fast-check'
import { toTensor } from '../../../packages/core/src/graph/interpreter/values.ts'
import { shapedOperators } from '../../../packages/core/src/graph/shapes/registry.ts'
import { drawCase, operatorCases } from '../../../packages/core/src/graph/testing/cases/registry.ts'
import type { Case } from '../../../packages/core/src/graph/testing/draws.ts'
import { graphOf } from '../../../packages/core/src/graph/testing/uses.ts'
import type { Boundary, Bytes } from '../boundary.ts'
import { hostileModels } from '../hostile-models.ts'
import { protobufMutator } from '../mutate/protobuf.ts'

/** One step's gradients for a batch of two, as a site would append them. */
function tryGradients({ input, weights, append }: Network): void {
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: [2, ...input] })
  for (const { name, shape } of weights) b.input({ name, type: 'float32', shape })
  const draw = ({ name, extents }: { name: string; extents: readonly number[] }): string =>
    b.input({ name: `draws/${name}`, type: 'float32', shape: [2, ...extents] })
  const y = append(b, x, { draw, keep: () => undefined })
  const loss = b.node('ReduceSum', [b.node('Mul', [y, y])], { attributes: { keepdims: int(0) } })
  const learnt = weights.flatMap(({ name, learnt: isLearnt }) => (isLearnt ? [name] : []))
  b.build('step', differentiate(b, loss, learnt))
}

const node = (op: string, [inputs, outputs]: readonly [string, string], attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  inputs: names(inputs),
  outputs: names(outputs),
  attributes,
})
/** `a b _ c`, of which _ is left out. */
const names = (text: string): string[] => (text === '' ? [] : text.split(' ').map((name) => (name === '_' ? '' : name)))

const floats = (name: string, ...shape: readonly number[]): Tensor => {
  const data = new Float32Array(shape.reduce((size, extent) => size * extent, 1))
  return { name, type: 'float32', shape, data: data.map((_, index) => ((index * 7) % 11) / 8 - 0.5) }
}
const integers = (name: string, ...data: readonly number[]): Tensor => ({
  name,
  type: 'int64',
  shape: [data.length],
  data: BigInt64Array.from(data, BigInt),
})
const model = (extents: readonly number[], nodes: readonly Node[], initializers: readonly Tensor[]): Bytes =>
  Uint8Array.from(
    encodeModel({
      name: 'model',
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', ...extents] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['batch', 'made'] }],
      initializers,
      nodes,
    }),
  )
const constantNode = (value: Tensor): Node => node('Constant', ['', value.name], { value: { kind: 'tensor', value } })

/** Of images, with batch normalisation, and a shape that is worked out on the way. */
const images = model(
  [1, 6, 6],
  [
    node('Conv', ['x w1 b1', 'c'], { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) }),
    node('BatchNormalization', ['c s1 o1 m1 v1', 'n']),
    node('Relu', ['n', 'r']),
    node('MaxPool', ['r', 'p'], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
    node('Shape', ['p', 'extents']),
    constantNode(integers('zero', 0)),
    node('Gather', ['extents zero', 'count']),
    constantNode(integers('rest', -1)),
    node('Concat', ['count rest', 'flat'], { axis: int(0) }),
    node('Reshape', ['p flat', 'rows']),
    node('Dropout', ['rows ratio', 'kept']),
    node('Gemm', ['kept w2 b2', 'z'], { transB: int(1) }),
    node('Sigmoid', ['z', 'y']),
  ],
  [
    floats('w1', 2, 1, 3, 3),
    ...['b1', 's1', 'o1', 'm1', 'v1'].map((name) => floats(name, 2)),
    floats('w2', 1, 18),
    floats('b2', 1),
    { name: 'ratio', type: 'float32', shape: [], data: Float32Array.of(0.25) },
  ],
)

/** Of series: a recurrent layer, its last state. */
const series = model(
  [4, 3],
  [
    node('Transpose', ['x', 'steps'], { perm: ints([1, 0, 2]) }),
    node('LSTM', ['steps w r b', '_ h'], { hidden_size: int(2) }),
    node('Squeeze', ['h front', 'last']),
    node('Gemm', ['last w2 b2', 'y']),
  ],
  [
    floats('w', 1, 8, 3),
    floats('r', 1, 8, 2),
    floats('b', 1, 16),
    integers('front', 0),
    floats('w2', 2, 1),
    floats('b2', 1),
  ],
)

/** A block of attention: projections cut out of one, softmax, a residual, a norm over the last axis. */
const attention = model(
  [3, 4],
  [
    node('MatMul', ['x w', 'all']),
    node('Split', ['all parts', 'q k v'], { axis: int(2) }),
    node('Transpose', ['k', 'turned'], { perm: ints([0, 2, 1]) }),
    node('MatMul', ['q turned', 'scores']),
    node('Mul', ['scores scale', 'scaled']),
    node('Softmax', ['scaled', 'shares'], { axis: int(-1) }),
    node('MatMul', ['shares v', 'seen']),
    node('Add', ['x seen', 'sum']),
    node('LayerNormalization', ['sum s o', 'norm'], { axis: int(-1) }),
    node('Gelu', ['norm', 'act']),
    node('ReduceMean', ['act middle', 'y'], { keepdims: int(0) }),
  ],
  [
    floats('w', 4, 12),
    integers('parts', 4, 4, 4),
    { name: 'scale', type: 'float32', shape: [], data: Float32Array.of(0.5) },
    floats('s', 4),
    floats('o', 4),
    integers('middle', 1),
  ],
)

const branch = (op: string): Graph => ({
  name: op,
  inputs: [],
  outputs: [{ name: op, type: 'float32', shape: [] }],
  initializers: [],
  nodes: [node(op, ['merged', op])],
})

/** Down and up again, joined; a branch by a condition that is worked out. */
const segments = model(
  [2, 4, 4],
  [
    node('Conv', ['x w1', 'c'], { kernel_shape: ints([3, 3]), auto_pad: text('SAME_UPPER') }),
    node('GroupNormalization', ['c s o', 'g'], { num_groups: int(2) }),
    node('AveragePool', ['g', 'down'], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
    constantNode({ name: 'double', type: 'float32', shape: [4], data: Float32Array.of(1, 1, 2, 2) }),
    node('Resize', ['down _ double', 'up'], { mode: text('linear') }),
    node('Concat', ['c up', 'merged'], { axis: int(1) }),
    node('ConstantOfShape', ['one', 'ones']),
    node('Size', ['ones', 'size']),
    node('Cast', ['size', 'flag'], { to: int(9) }),
    node('If', ['flag', 'taken'], { then_branch: subgraph(branch('Tanh')), else_branch: subgraph(branch('Neg')) }),
    node('ConvTranspose', ['taken w2', 'out'], { strides: ints([2, 2]) }),
    node('Slice', ['out starts ends axes', 'cut']),
    node('GlobalMaxPool', ['cut', 'most']),
    node('Flatten', ['most', 'y']),
  ],
  [
    floats('w1', 2, 2, 3, 3),
    floats('s', 2),
    floats('o', 2),
    integers('one', 1),
    floats('w2', 4, 2, 2, 2),
    integers('starts', 1, 1),
    integers('ends', 7, 2 ** 53 - 1),
    integers('axes', 2, 3),
  ],
)

/** The first operand that is a float is the model's input, its first axis the batch; every other is a weight. Undefined where there is none. */
function modelOf(use: Case): Bytes | undefined {
  const { b, ys } = graphOf(use)
  const graph = b.build(use.op, ys)
  const input = graph.inputs.find(({ type, shape }) => type === 'float32' && shape.length > 0)
  if (input === undefined) return undefined
  const others = graph.inputs.flatMap(({ name }): Tensor[] => {
    const operand = use.operands[Number(name.slice(1))]
    return name === input.name || operand === undefined ? [] : [toTensor(name, operand.value)]
  })
  const opened = { ...input, shape: input.shape.with(0, 'batch') }
  return Uint8Array.from(encodeModel({ ...graph, inputs: [opened], initializers: [...graph.initializers, ...others] }))
}

/** One operator, as the tests of its rules draw it. */
const documents = fc
  .tuple(fc.gen(), fc.constantFrom(...shapedOperators))
  .map(([g, op]) => modelOf(drawCase(g, op, operatorCases)) ?? images)

const ofOperators = (): Bytes[] =>
  Object.keys(operatorCases).flatMap((op) => {
    const [g] = fc.sample(fc.gen(), { numRuns: 1, seed: 2 })
    const made = g === undefined ? undefined : modelOf(drawCase(g, op, operatorCases))
    return made === undefined ? [] : [made]
  })

export const models: Boundary = {
  name: 'model',
  codes: ['WR_GRAPH_INVALID', 'WR_GRAPH_REFUSED'],
  seeds: [images, series, attention, segments, ...ofOperators()],
  documents,
  mutators: [protobufMutator],
  words: [...shapedOperators, 'Constant', 'If', 'Loop', 'Size', 'CastLike', 'axis', 'to', 'value', 'batch', 'ai.onnx'],
  alone: { megabytes: 200, ms: 1000, hostile: () => Object.values(hostileModels).map((make) => make()) },
  sources:
    /packages\/core\/src\/graph\/(?:(?:decode-model|ir|windows|resampling|recurrent|differentiate|builder)\.ts|import\/|shapes\/|gradients\/)/,
  open: () => ({
    take(input) {
      const { network } = importModel(decodeModel(input))
      tryGradients(network)
      return 'accepted'
    },
    close: () => undefined,
  }),
}
