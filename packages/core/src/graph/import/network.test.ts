import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers, type Values } from '../interpreter/values.ts'
import { type Attribute, type Dim, float, type Graph, int, ints, type Node, subgraph, type Tensor } from '../ir.ts'
import { importModel } from './network.ts'

const node = (
  op: string,
  [inputs, outputs]: readonly [inputs: readonly string[], outputs: readonly string[]],
  attributes: Readonly<Record<string, Attribute>> = {},
): Node => ({ op, domain: '', inputs, outputs, attributes })
const floats = (name: string, shape: readonly number[], data: readonly number[]): Tensor => ({
  name,
  type: 'float32',
  shape,
  data: Float32Array.from(data),
})
const integers = (name: string, data: readonly (number | bigint)[], shape = [data.length]): Tensor => ({
  name,
  type: 'int64',
  shape,
  data: BigInt64Array.from(data, BigInt),
})

type Parts = { nodes: readonly Node[]; initializers?: readonly Tensor[]; shape?: readonly Dim[]; opset?: number }

/** A model from `x` to `y`. */
const modelOf = ({ nodes, initializers = [], shape = ['batch', 2], opset = 20 }: Parts) => {
  const graph: Graph = {
    name: 'model',
    inputs: [{ name: 'x', type: 'float32', shape }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 'made'] }],
    initializers,
    nodes,
  }
  return { graph, opset, metadata: {} }
}

/** What the model makes of two examples, while training or not. */
function made(
  parts: Parts,
  x: readonly number[],
  { training = false, draws = {} }: { training?: boolean; draws?: Values } = {},
): { y: readonly number[]; kept: Readonly<Record<string, readonly number[]>> } {
  const { network, weights } = importModel(modelOf(parts))
  const b = graphBuilder()
  const name = b.input({ name: 'features', type: 'float32', shape: [2, ...network.input] })
  for (const spec of network.weights) b.input({ ...spec, type: 'float32' })
  for (const [draw, value] of Object.entries(draws)) b.input({ name: `u/${draw}`, type: 'float32', shape: value.shape })
  const kept = new Map<string, string>()
  const y = network.append(b, name, {
    ...(training ? { keep: (tensor, next) => void kept.set(tensor, next) } : {}),
    draw: ({ name: layer }) => (Object.hasOwn(draws, layer) ? `u/${layer}` : undefined),
  })
  assert.deepEqual(b.shape(y), [2, ...network.output])
  const outputs = [y, ...kept.values()].map((value, index) => b.node('Identity', [value], { name: `out/${index}` }))
  const values = run(b.build('model', outputs), {
    features: float32([2, ...network.input], x),
    ...Object.fromEntries(
      network.weights.map((spec, index) => [spec.name, float32(spec.shape, [...(weights[index] ?? [])])]),
    ),
    ...Object.fromEntries(Object.entries(draws).map(([draw, value]) => [`u/${draw}`, value])),
  })
  const read = (index: number): readonly number[] => numbers(values[`out/${index}`] ?? assert.fail()).data
  return { y: read(0), kept: Object.fromEntries([...kept.keys()].map((tensor, index) => [tensor, read(index + 1)])) }
}

const refuses = (parts: Parts, code: ErrorCode, problem: RegExp): void =>
  assert.throws(
    () => importModel(modelOf(parts)),
    (error) => error instanceof WardroundError && error.code === code && problem.test(String(error.parameters.problem)),
    String(problem),
  )

const w = floats('w', [2, 2], [1, 2, 3, 4])

test('floats that a node uses are learnt, kernels with the penalty, and start where the file has them', () => {
  const { network, weights } = importModel(
    modelOf({
      nodes: [node('Gemm', [['x', 'w', 'b'], ['y']])],
      initializers: [floats('b', [2], [5, 6]), w, floats('unused', [1], [0])],
    }),
  )
  assert.deepEqual(
    network.weights.map(({ name, shape, learnt, penalised }) => ({ name, shape, learnt, penalised })),
    [
      { name: 'b', shape: [2], learnt: true, penalised: false },
      { name: 'w', shape: [2, 2], learnt: true, penalised: true },
    ],
  )
  assert.deepEqual(weights, [Float32Array.of(5, 6), Float32Array.of(1, 2, 3, 4)])
  assert.deepEqual([network.input, network.output, network.draws], [[2], [2], []])
})

test('what exporters write once for equal tensors is learnt each by itself', () => {
  const parts = {
    nodes: [node('Identity', [['b'], ['c']]), node('Add', [['x', 'b'], ['h']]), node('Mul', [['h', 'c'], ['y']])],
    initializers: [floats('b', [2], [2, 3])],
  }
  assert.deepEqual(
    importModel(modelOf(parts)).network.weights.map(({ name }) => name),
    ['b', 'c'],
  )
  assert.deepEqual(made(parts, [1, 2, 3, 4]).y, [6, 15, 10, 21])
})

test('constants that exporters make up are not learnt, unless they can be nothing else', () => {
  const parts = (second: Node) => ({ nodes: [second], initializers: [floats('val_3', [2, 2], [1, 0, 0, 1])] })
  const names = (second: Node) => importModel(modelOf(parts(second))).network.weights.map(({ name }) => name)
  assert.deepEqual(names(node('Mul', [['x', 'val_3'], ['y']])), [])
  assert.deepEqual(names(node('MatMul', [['x', 'val_3'], ['y']])), ['val_3'])
})

test('shape arithmetic is worked out for the batch that there is', () => {
  const parts: Parts = {
    shape: ['batch', 2, 3],
    nodes: [
      node('Shape', [['x'], ['shape']]),
      node('Constant', [[], ['zero']], { value: { kind: 'tensor', value: integers('', [0], []) } }),
      node('Gather', [['shape', 'zero'], ['rows']]),
      node('Unsqueeze', [['rows', 'axes'], ['first']]),
      node('Concat', [['first', 'rest'], ['target']], { axis: int(0) }),
      node('Reshape', [['x', 'target'], ['y']]),
    ],
    initializers: [integers('axes', [0]), integers('rest', [-1])],
  }
  assert.deepEqual(importModel(modelOf(parts)).network.output, [6])
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: [7, 2, 3] })
  importModel(modelOf(parts)).network.append(b, x, {})
  assert.deepEqual(
    b.nodes().map(({ op }) => op),
    ['Reshape'],
  )
})

test("the largest integer is to the end, as PyTorch's slices have it", () => {
  const parts = {
    nodes: [node('Slice', [['x', 'start', 'end', 'axis'], ['y']])],
    initializers: [integers('start', [1]), integers('end', [2n ** 63n - 1n]), integers('axis', [1])],
  }
  assert.deepEqual(made(parts, [1, 2, 3, 4]).y, [2, 4])
})

test('attributes of older operator sets are the inputs of today', () => {
  const parts = (opset: number) => ({
    opset,
    nodes: [
      node('ReduceMean', [['x'], ['mean']], { axes: ints([1]), keepdims: int(0) }),
      node('Unsqueeze', [['mean'], ['y']], { axes: ints([1]) }),
    ],
  })
  assert.deepEqual(made(parts(11), [1, 3, 5, 9]).y, [2, 7])
  for (const opset of [10, 26]) refuses(parts(opset), 'WR_GRAPH_REFUSED', /operator set/)
  const softmax = (axis: number, opset: number) => ({
    opset,
    shape: ['batch', 2, 3],
    nodes: [node('Softmax', [['x'], ['h']], { axis: int(axis) }), node('Neg', [['h'], ['y']])],
  })
  refuses(softmax(1, 12), 'WR_GRAPH_REFUSED', /last axis/)
  for (const [axis, opset] of [
    [2, 12],
    [1, 13],
  ] as const)
    importModel(modelOf(softmax(axis, opset)))
})

test('a last sigmoid is left to the loss', () => {
  const parts = { nodes: [node('MatMul', [['x', 'w'], ['h']]), node('Sigmoid', [['h'], ['y']])], initializers: [w] }
  assert.equal(importModel(modelOf(parts)).network.activation, 'sigmoid')
  assert.deepEqual(made(parts, [1, 0, 0, 1]).y, [1, 2, 3, 4])
})

test('dropout asks for draws, and without them does nothing', () => {
  const parts = { nodes: [node('Dropout', [['x', 'ratio'], ['y']])], initializers: [floats('ratio', [], [0.5])] }
  const { network } = importModel(modelOf(parts))
  assert.deepEqual(network.draws, [{ name: 'y', extents: [2] }])
  const x = [3, 6, 9, 12]
  assert.deepEqual(made(parts, x).y, x)
  assert.deepEqual(
    made(parts, x, { training: true, draws: { y: float32([2, 2], [0.75, 0.25, 0.5, 0]) } }).y,
    [6, 0, 18, 0],
  )
})

test('batch normalisation: fixed statistics in prediction, those of the batch while training, running ones kept', () => {
  const parts = {
    nodes: [
      node('BatchNormalization', [['x', 's', 'b', 'm', 'v'], ['y']], { epsilon: float(0), momentum: float(0.75) }),
    ],
    initializers: [
      floats('s', [2], [1, 2]),
      floats('b', [2], [0, 1]),
      floats('m', [2], [1, 0]),
      floats('v', [2], [4, 16]),
    ],
  }
  assert.deepEqual(
    importModel(modelOf(parts)).network.weights.map(({ name, learnt }) => [name, learnt]),
    [
      ['s', true],
      ['b', true],
      ['m', false],
      ['v', false],
    ],
  )
  const x = [3, 2, 5, 6]
  assert.deepEqual(made(parts, x).y, [1, 2, 2, 4])
  // Means 4 and 4, deviations 1 and 2; unbiased variances 2 and 8.
  assert.deepEqual(made(parts, x, { training: true }), {
    y: [-1, -1, 1, 3],
    kept: { m: [0.75 * 1 + 0.25 * 4, 0.25 * 4], v: [0.75 * 4 + 0.25 * 2, 0.75 * 16 + 0.25 * 8] },
  })
})

test('batch normalisations that share their running statistics are refused', () => {
  const norm = (x: string, y: string): Node => node('BatchNormalization', [[x, 's', 's', 's', 'v'], [y]])
  const initializers = [floats('s', [2], [1, 1]), floats('v', [2], [1, 1])]
  refuses({ nodes: [norm('x', 'h'), norm('h', 'y')], initializers }, 'WR_GRAPH_REFUSED', /share .* statistics s/)
})

test('of an If with a constant condition one branch is taken', () => {
  const branch = (op: string): Attribute =>
    subgraph({
      name: op,
      inputs: [],
      outputs: [{ name: `${op}/out`, type: 'float32', shape: ['batch', 2] }],
      initializers: [],
      nodes: [node(op, [['x'], [`${op}/out`]])],
    })
  const parts = (condition: string): Parts => ({
    nodes: [
      node('Shape', [['x'], ['shape']]),
      node('Size', [['shape'], ['rank']]),
      node('Equal', [['rank', 'two'], ['known']]),
      node('Not', [['known'], ['unknown']]),
      node('Greater', [['x', 'x'], ['computed']]),
      node('If', [[condition], ['y']], { then_branch: branch('Neg'), else_branch: branch('Abs') }),
    ],
    initializers: [integers('two', [2], [])],
  })
  assert.deepEqual(made(parts('known'), [1, -2, 3, -4]).y, [-1, 2, -3, 4])
  assert.deepEqual(made(parts('unknown'), [1, -2, 3, -4]).y, [1, 2, 3, 4])
  refuses(parts('computed'), 'WR_GRAPH_REFUSED', /condition is computed/)
})

test('what is not for us is refused, by name', () => {
  const plain = node('Neg', [['x'], ['y']])
  refuses({ nodes: [{ ...plain, domain: 'com.microsoft' }] }, 'WR_GRAPH_REFUSED', /com\.microsoft\.Neg/)
  refuses({ nodes: [{ ...plain, op: 'NonZero' }] }, 'WR_GRAPH_REFUSED', /NonZero is not on the list/)
  refuses({ nodes: [{ ...plain, op: 'Loop' }] }, 'WR_GRAPH_REFUSED', /fixed length/)
  refuses({ nodes: [plain], shape: [1, 2] }, 'WR_GRAPH_REFUSED', /batch of 1 alone/)
  refuses({ nodes: [plain], shape: ['batch', 'steps'] }, 'WR_GRAPH_REFUSED', /not fixed \(steps\)/)
  refuses({ nodes: [node('Neg', [['z'], ['y']])] }, 'WR_GRAPH_INVALID', /z is used/)
  refuses({ nodes: [plain, plain] }, 'WR_GRAPH_INVALID', /y is defined twice/)
  refuses({ nodes: [node('Neg', [['x'], ['h']])] }, 'WR_GRAPH_INVALID', /y is used/)
  refuses(
    { nodes: [node('Reshape', [['x', 'to'], ['y']])], initializers: [integers('to', [1, -1])] },
    'WR_GRAPH_REFUSED',
    /batch in front/,
  )
})

test('a file cannot make us work out what is large', () => {
  const parts = {
    nodes: [
      node('Expand', [['one', 'huge'], ['large']]),
      node('Add', [['x', 'large'], ['h']]),
      node('Neg', [['x'], ['y']]),
    ],
    initializers: [floats('one', [1], [1]), integers('huge', [10_000, 1, 10_000])],
  }
  refuses(parts, 'WR_GRAPH_INVALID', /broadcast/)
})

test('a node has as many inputs as its operator takes, also where it is not appended as it stands', () => {
  for (const [op, inputs] of [
    ['Add', ['x']],
    ['Neg', ['x', 'x']],
    ['Identity', ['x', 'x']],
    ['Cast', ['x', 'x']],
    ['Dropout', ['x', '', '', '']],
    ['BatchNormalization', ['x', 'w', 'w', 'w']],
  ] as const)
    refuses({ nodes: [node(op, [inputs, ['y']])], initializers: [w] }, 'WR_GRAPH_INVALID', /inputs/)
})

test('a pooling that rounds up where only padding is left does not', () => {
  const pool = (op: string, pads: readonly number[]): Parts => ({
    shape: ['batch', 1, 2],
    nodes: [
      node(op, [['x'], ['y']], { kernel_shape: ints([2]), strides: ints([2]), pads: ints(pads), ceil_mode: int(1) }),
    ],
  })
  for (const op of ['MaxPool', 'AveragePool']) {
    assert.deepEqual(importModel(modelOf(pool(op, [0, 1]))).network.output, [1, 1], op)
    assert.deepEqual(importModel(modelOf(pool(op, [1, 0]))).network.output, [1, 2], op)
  }
  assert.deepEqual(made(pool('MaxPool', [0, 1]), [1, 2, 4, 3]).y, [2, 4])
})
