/** Every way in which a parameter meets examples: layer by layer, and operator by operator where layers do not use all that one can do. */
import type { GraphBuilder } from '../builder.ts'
import { type Attribute, float, int, ints, text } from '../ir.ts'
import { type Problem, problemOf, useProblem } from './per-example.ts'

type Attributes = Readonly<Record<string, Attribute>>
type Shapes = Readonly<Record<string, readonly number[]>>

/** An operator on examples x and parameters w, in the order of its inputs; x of one example. */
const operator = (
  op: string,
  { x, w, attributes = {}, order }: { x: Shapes; w: Shapes; attributes?: Attributes; order?: readonly string[] },
): Problem =>
  useProblem(x, w, (b, examples) => {
    const names = new Map([
      ...Object.keys(x).map((name, index) => [name, examples[index] ?? ''] as const),
      ...Object.keys(w).map((name) => [name, name] as const),
    ])
    const inputs = (order ?? [...names.keys()]).map((name) => names.get(name) ?? '')
    return b.node(op, inputs, { attributes })
  })

const transposed = (b: GraphBuilder, name: string, perm: readonly number[]): string =>
  b.node('Transpose', [name], { attributes: { perm: ints(perm) } })
const reshaped = (b: GraphBuilder, name: string, shape: readonly number[]): string =>
  b.node('Reshape', [name, b.axes(shape)])
/** Whole numbers from −3 to 2. */
const indices = (b: GraphBuilder, x: string): string =>
  b.node('Cast', [b.node('Max', [b.node('Floor', [x]), b.scalar(-3)])], { attributes: { to: int(7) } })

const layers: Readonly<Record<string, Problem>> = {
  dense: problemOf([{ dense: 3, activation: 'tanh' }, { dense: 2 }], 3),
  'dense without bias': problemOf([{ dense: 2, bias: false }], 3),
  'dense of few steps and many values': problemOf([{ dense: 5 }, { flatten: {} }, { dense: 1 }], [2, 4]),
  'dense of many steps and few values': problemOf([{ dense: 2 }, { flatten: {} }, { dense: 1 }], [4, 2]),
  adapters: problemOf([{ dense: 3, lora: { rank: 2, alpha: 4 }, activation: 'tanh' }, { dense: 2 }], 3),
  'adapters of a convolution': problemOf(
    [{ conv2d: 2, kernel: 2, lora: { rank: 1, alpha: 1 } }, { flatten: {} }],
    [2, 3, 3],
  ),
  dropout: problemOf([{ dense: 3 }, { dropout: 0.5 }, { dense: 1 }], 2),
  embedding: problemOf([{ embedding: 3, outputs: 2 }, { flatten: {} }, { dense: 1 }], [3]),
  'embedding of one thing': problemOf([{ embedding: 3, outputs: 2 }, { flatten: {} }], [1]),
  gru: problemOf(
    [
      { gru: 2, returnSequences: true },
      { gru: 2, bidirectional: true },
    ],
    [3, 2],
  ),
  lstm: problemOf([{ lstm: 2, returnSequences: true, bidirectional: true }, { lstm: 1 }], [3, 2]),
  selfAttention: problemOf([{ selfAttention: 2 }, { flatten: {} }], [3, 2]),
  layerNormalization: problemOf([{ layerNormalization: {} }, { dense: 2 }, { layerNormalization: {} }], 3),
  'layerNormalization of steps': problemOf([{ layerNormalization: {} }, { flatten: {} }, { dense: 1 }], [2, 3]),
  rmsNormalization: problemOf([{ dense: 3 }, { rmsNormalization: {} }, { flatten: {} }], [2, 3]),
  groupNormalization: problemOf(
    [{ conv2d: 4, kernel: 1 }, { groupNormalization: { groups: 2 } }, { flatten: {} }],
    [1, 2, 2],
  ),
  instanceNormalization: problemOf(
    [{ conv2d: 2, kernel: 1 }, { instanceNormalization: {} }, { flatten: {} }],
    [1, 2, 2],
  ),
  conv1d: problemOf([{ conv1d: 4, kernel: 2, groups: 2, strides: 2 }, { flatten: {} }], [2, 5]),
  conv2d: problemOf(
    [
      { conv2d: 3, kernel: 2, padding: 'same', activation: 'relu' },
      { maxPool2d: 2 },
      { conv2d: 2, kernel: [1, 2], dilation: 2, padding: 1 },
      { globalAveragePool: {} },
    ],
    [2, 4, 4],
  ),
  conv3d: problemOf([{ conv3d: 2, kernel: 2 }, { flatten: {} }], [1, 2, 3, 2]),
  depthwiseConv2d: problemOf([{ depthwiseConv2d: 2, kernel: 2 }, { flatten: {} }], [2, 3, 3]),
  conv2dTranspose: problemOf([{ conv2dTranspose: 3, kernel: 2, strides: 2 }, { flatten: {} }], [2, 2, 3]),
  branches: problemOf(
    [
      { residual: [{ conv2d: 2, kernel: 3, padding: 'same' }] },
      { concat: [[], [{ conv2d: 1, kernel: 1 }]] },
      { upsample: 2 },
      { flatten: {} },
      { dense: 1 },
    ],
    [2, 2, 2],
  ),
  'a segmentation by Dice': problemOf([{ conv2d: 1, kernel: 3, padding: 'same' }], [2, 3, 3], 'dice'),
  'a segmentation of classes': problemOf([{ conv2d: 3, kernel: 1 }], [2, 2, 2], {
    diceCrossEntropy: { squared: true },
  }),
}

const products: Readonly<Record<string, Problem>> = {
  Gemm: operator('Gemm', { x: { x: [3] }, w: { w: [3, 2], c: [2] } }),
  'Gemm, turned and scaled': operator('Gemm', {
    x: { x: [3] },
    w: { w: [2, 3], c: [1, 2] },
    attributes: { transB: int(1), alpha: float(0.5), beta: float(2) },
  }),
  'Gemm of steps below each other': useProblem({ x: [3, 2] }, { w: [2, 2], c: [2] }, (b, [x = '']) =>
    b.node('Gemm', [reshaped(b, x, [-1, 2]), 'w', 'c']),
  ),
  'Gemm of steps with examples in them': useProblem({ x: [3, 2] }, { w: [2, 5] }, (b, [x = '']) =>
    b.node('Gemm', [reshaped(b, transposed(b, x, [1, 0, 2]), [-1, 2]), 'w']),
  ),
  'MatMul of heads': operator('MatMul', { x: { x: [2, 3, 2] }, w: { w: [2, 2, 2] } }),
  'MatMul of a matrix for all heads': operator('MatMul', { x: { x: [2, 2, 2] }, w: { w: [2, 3] } }),
  'MatMul from the left': operator('MatMul', { x: { x: [3, 2] }, w: { w: [2, 3] }, order: ['w', 'x'] }),
  'MatMul of examples behind': useProblem({ x: [3] }, { w: [3, 2] }, (b, [x = '']) =>
    b.node('MatMul', [reshaped(b, transposed(b, b.node('Unsqueeze', [x, b.axes([1])]), [1, 0, 2]), [1, -1, 3]), 'w']),
  ),
}

const broadcast: Readonly<Record<string, Problem>> = {
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum', 'Mean'].map((op) => [
      op,
      operator(op, { x: { x: [2, 3] }, w: { w: [3] } }),
    ]),
  ),
  'Div, the other way round': useProblem({ x: [2, 3] }, { w: [2, 1] }, (b, [x = '']) =>
    b.node('Div', ['w', b.node('Exp', [x])]),
  ),
  Div: useProblem({ x: [2, 3] }, { w: [3] }, (b, [x = '']) => b.node('Div', [x, b.node('Exp', ['w'])])),
  Pow: useProblem({ x: [2] }, { w: [2] }, (b, [x = '']) => b.node('Pow', [b.node('Exp', [x]), 'w'])),
  'Add of one number': operator('Add', { x: { x: [2, 3] }, w: { w: [] } }),
  'Add of a sample': operator('Add', { x: { x: [2, 3] }, w: { w: [1, 2, 3] } }),
  'Mul over what is before the examples': useProblem({ x: [2] }, { w: [3, 1, 2] }, (b, [x = '']) =>
    b.node('Mul', ['w', x]),
  ),
  'Mul of steps below each other': useProblem({ x: [2, 3] }, { w: [3] }, (b, [x = '']) =>
    b.node('Mul', [reshaped(b, x, [-1, 3]), 'w']),
  ),
  'places that are picked behind the examples': useProblem({ x: [3, 2] }, { w: [2] }, (b, [x = '']) =>
    b.node('Mul', [b.node('Gather', [x, b.axes([2, 0])], { attributes: { axis: int(1) } }), 'w']),
  ),
  'places that are picked before the examples': useProblem({ x: [3, 2] }, { w: [2] }, (b, [x = '']) => {
    const picked = b.node('Gather', [transposed(b, x, [1, 0, 2]), b.node('Reshape', [b.axes([2, 0]), b.axes([2, 1])])])
    return b.node('Mul', [picked, 'w'])
  }),
  'a sum over what is before the examples': useProblem({ x: [3, 2] }, { w: [2], v: [2] }, (b, [x = '']) => {
    const terms = b.node('Mul', [transposed(b, x, [1, 0, 2]), 'w'])
    return b.node('Mul', [b.node('ReduceSum', [terms, b.axes([0])], { attributes: { keepdims: int(0) } }), 'v'])
  }),
  Where: useProblem({ x: [3] }, { w: [3] }, (b, [x = '']) =>
    b.node('Where', [b.node('Greater', [x, b.scalar(0)]), x, 'w']),
  ),
  PRelu: operator('PRelu', { x: { x: [2, 3] }, w: { w: [2, 1] } }),
}

const others: Readonly<Record<string, Problem>> = {
  'BatchNormalization of statistics that stay': useProblem({ x: [2, 3] }, { scale: [2], bias: [2] }, (b, [x = '']) =>
    b.node('BatchNormalization', [x, 'scale', 'bias', b.table([2], [0.5, -1]), b.table([2], [2, 0.25])]),
  ),
  'Gather, from the end, too': useProblem({ x: [2, 2] }, { w: [3, 2] }, (b, [x = '']) =>
    b.node('Gather', ['w', indices(b, b.node('Clip', [x, b.scalar(-3), b.scalar(2)]))]),
  ),
  'Gather of numbers': useProblem({ x: [3] }, { w: [3] }, (b, [x = '']) =>
    b.node('Gather', ['w', indices(b, b.node('Clip', [x, b.scalar(-3), b.scalar(2)]))]),
  ),
  'RNN from a given state': useProblem(
    { x: [3, 2], h: [2] },
    { w: [1, 2, 2], r: [1, 2, 2], c: [1, 4] },
    (b, [x = '', h = '']) =>
      b.several(
        'RNN',
        [
          transposed(b, x, [1, 0, 2]),
          'w',
          'r',
          'c',
          '',
          transposed(b, b.node('Unsqueeze', [h, b.axes([1])]), [1, 0, 2]),
        ],
        { outputs: ['', b.unused('last')], attributes: { hidden_size: int(2) } },
      )[1] ?? '',
  ),
  'RNN in reverse, every step': useProblem(
    { x: [3, 2] },
    { w: [1, 2, 2], r: [1, 2, 2] },
    (b, [x = '']) =>
      b.several('RNN', [transposed(b, x, [1, 0, 2]), 'w', 'r'], {
        outputs: 1,
        attributes: { hidden_size: int(2), direction: text('reverse') },
      })[0] ?? '',
  ),
}

/** Uses of one parameter in several places, and through others. */
const shared: Readonly<Record<string, Problem>> = {
  'a matrix twice': useProblem({ x: [2] }, { w: [2, 2] }, (b, [x = '']) =>
    b.node('MatMul', [b.node('Tanh', [b.node('MatMul', [x, 'w'])]), 'w']),
  ),
  'a matrix of rows and of steps': useProblem({ x: [2], y: [2, 2] }, { w: [2, 3] }, (b, [x = '', y = '']) =>
    b.node('Add', [
      b.node('ReduceSum', [b.node('MatMul', [y, 'w']), b.axes([1])], { attributes: { keepdims: int(0) } }),
      b.node('MatMul', [x, 'w']),
    ]),
  ),
  'a table, and turned around': useProblem({ x: [2] }, { w: [3, 2] }, (b, [x = '']) => {
    const seen = b.node(
      'ReduceSum',
      [b.node('Gather', ['w', indices(b, b.node('Clip', [x, b.scalar(-3), b.scalar(2)]))]), b.axes([1])],
      { attributes: { keepdims: int(0) } },
    )
    return b.node('MatMul', [b.node('Tanh', [seen]), transposed(b, 'w', [1, 0])])
  }),
  'a product of two, and one of them': useProblem({ x: [2] }, { v: [2, 3], w: [3, 2], c: [2] }, (b, [x = '']) => {
    const product = b.node('Mul', [b.node('Add', [b.node('MatMul', ['v', 'w']), 'c']), b.scalar(0.5)])
    return b.node('MatMul', [b.node('Tanh', [b.node('Gemm', [x, product, 'c'])]), 'v'])
  }),
}

/** Done at once. */
export const usesAtOnce: Readonly<Record<string, Problem>> = {
  ...layers,
  ...products,
  ...broadcast,
  ...others,
  ...shared,
}

/** Whatever is not known to keep examples apart, or has no rule that does. */
export const usesOneByOne: Readonly<Record<string, Problem>> = {
  'a value that is repeated for each example': useProblem({ x: [2, 2] }, { w: [1, 1, 2] }, (b, [x = '']) => {
    const batch = Number(b.shape(x)[0])
    return b.node('Concat', [b.node('Expand', ['w', b.axes([batch, 1, 2])]), x], { attributes: { axis: int(1) } })
  }),
  'a chain with an operator that needs constants': useProblem({ x: [2] }, { w: [2, 3] }, (b, [x = '']) =>
    b.node('MatMul', [x, b.node('Slice', ['w', b.axes([0]), b.axes([2]), b.axes([1])])]),
  ),
  'Gemm with one number for all outputs': operator('Gemm', { x: { x: [3] }, w: { w: [3, 2], c: [1] } }),
  'a matrix before examples side by side': useProblem({ x: [3] }, { w: [2, 3] }, (b, [x = '']) =>
    b.node('MatMul', ['w', transposed(b, x, [1, 0])]),
  ),
  'a column before examples side by side': useProblem({ x: [1] }, { w: [2, 1] }, (b, [x = '']) =>
    b.node('MatMul', ['w', transposed(b, x, [1, 0])]),
  ),
  'elements that are gathered': useProblem({ x: [2, 2] }, { w: [2] }, (b, [x = '']) =>
    b.node('Mul', [
      b.node(
        'GatherElements',
        [x, b.node('Cast', [b.node('Greater', [x, b.scalar(0)])], { attributes: { to: int(7) } })],
        { attributes: { axis: int(2) } },
      ),
      'w',
    ]),
  ),
  'a table along another axis': useProblem({ x: [2] }, { w: [2, 3] }, (b, [x = '']) =>
    transposed(
      b,
      b.node('Gather', ['w', indices(b, b.node('Clip', [x, b.scalar(-3), b.scalar(2)]))], {
        attributes: { axis: int(1) },
      }),
      [1, 0, 2],
    ),
  ),
}
