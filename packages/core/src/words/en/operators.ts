/** The words of docs/operators.md: by family, what each operator makes, what is rewritten of it, and what of ONNX's document is refused. */

export type OperatorWords = {
  /** What it makes. */
  readonly makes: string
  /** No gradient flows back through it: it is level nearly everywhere. */
  readonly level?: true
  /** What becomes of it in a file that is read. */
  readonly imported?: string
  /** Uses that ONNX allows and Wardround does not, by a name for the test that holds each of them against the rules. */
  readonly refused?: Readonly<Record<string, string>>
}
type Family = {
  readonly title: string
  readonly operators: Readonly<Record<string, () => OperatorWords>>
}

type Refused = NonNullable<OperatorWords['refused']>
const makes =
  (text: string, refused: Refused = {}): (() => OperatorWords) =>
  () => ({ makes: text, refused })
const rewritten =
  (text: string, imported: string, refused: Refused = {}): (() => OperatorWords) =>
  () => ({ makes: text, imported, refused })

const computed = (what: string): string => `${what} that the model computes`
const open = 'along an extent that is known only when it runs (the batch of a finished model)'
const openSpatial = 'over extents that are known only when it runs'
const level =
  (text: string): (() => OperatorWords) =>
  () => ({ makes: text, level: true })

const arithmetic: Family = {
  title: 'Arithmetic, element by element',
  operators: {
    Abs: makes('absolute value'),
    Add: makes('sum of two, broadcast'),
    Ceil: level('next integer above'),
    Clip: makes('bounded below, above or both', {
      trainedBounds: 'trained through with bounds that the model computes',
    }),
    Div: makes('quotient, broadcast'),
    Erf: makes('error function'),
    Exp: makes('exponential'),
    Floor: level('next integer below'),
    Identity: rewritten('the value itself', 'another name for the value'),
    Log: makes('natural logarithm'),
    Max: makes('the largest of any number of operands, broadcast; equal ones share the gradient'),
    Mean: makes('mean of any number of operands, broadcast'),
    Min: makes('the smallest of any number of operands, broadcast; equal ones share the gradient'),
    Mod: makes('remainder, of floats that of C (`fmod`)'),
    Mul: makes('product, broadcast'),
    Neg: makes('with the other sign'),
    Pow: makes('power, broadcast'),
    Reciprocal: makes('1/x'),
    Round: level('nearest integer, halves to the even one'),
    Sign: level('−1, 0 or 1'),
    Sqrt: makes('square root'),
    Sub: makes('difference, broadcast'),
    Sum: makes('sum of any number of operands, broadcast'),
    Where: makes('one or the other, by a condition'),
  },
}

const trigonometry: Family = {
  title: 'Trigonometric and hyperbolic functions',
  operators: {
    Acos: makes('arc cosine'),
    Acosh: makes('inverse hyperbolic cosine'),
    Asin: makes('arc sine'),
    Asinh: makes('inverse hyperbolic sine'),
    Atan: makes('arc tangent'),
    Atanh: makes('inverse hyperbolic tangent'),
    Cos: makes('cosine'),
    Cosh: makes('hyperbolic cosine'),
    Sin: makes('sine'),
    Sinh: makes('hyperbolic sine'),
    Tan: makes('tangent'),
  },
}

const activations: Family = {
  title: 'Activations',
  operators: {
    Celu: makes('exponential below 0, smooth for every alpha'),
    Elu: makes('exponential below 0'),
    Gelu: makes('x·Φ(x), exact or by tanh'),
    HardSigmoid: makes('sigmoid of straight lines'),
    HardSwish: makes('x·hard sigmoid'),
    LeakyRelu: makes('a fixed slope below 0'),
    Mish: makes('x·tanh(softplus)'),
    PRelu: makes('a learnt slope below 0'),
    Relu: makes('0 below 0'),
    Selu: makes('scaled exponential below 0'),
    Sigmoid: makes('logistic function'),
    Softplus: makes('log(1 + eˣ)'),
    Softsign: makes('x/(1 + |x|)'),
    Tanh: makes('hyperbolic tangent'),
    ThresholdedRelu: makes('0 up to a threshold'),
  },
}

const logic: Family = {
  title: 'Comparisons, conditions and types',
  operators: {
    And: makes('both'),
    Cast: rewritten('another type', 'left out where the type is that already; a double becomes Float32', {
      type: 'to a type other than Float32, uint8, int32, int64, bool and string (in a file also double, which is read as Float32)',
    }),
    CastLike: rewritten('the type of another value', 'a Cast to that type'),
    Equal: makes('whether both are equal'),
    Greater: makes('whether the first is larger'),
    GreaterOrEqual: makes('whether the first is no smaller'),
    IsInf: makes('whether it is infinite'),
    IsNaN: makes('whether it is no number'),
    Less: makes('whether the first is smaller'),
    LessOrEqual: makes('whether the first is no larger'),
    Not: makes('the contrary'),
    Or: makes('one or both'),
    Xor: makes('one, not both'),
  },
}

const products: Family = {
  title: 'Matrix products',
  operators: {
    Gemm: makes('α·A·B + β·C, both factors transposed at will'),
    MatMul: makes('product of matrices, vectors and batches of them'),
  },
}

const axes = { axes: computed('axes'), none: 'over no axes at all (`noop_with_empty_axes`)' }
/** Before operator set 13 these were over all axes from the named one on. */
const older = { older: 'in a file of an operator set before 13: along another axis than the last' }
const reductions: Family = {
  title: 'Along axes',
  operators: {
    ArgMax: makes('where the largest is'),
    ArgMin: makes('where the smallest is'),
    CumSum: makes('running sum', { axis: computed('an axis') }),
    Hardmax: makes('1 at the largest, 0 elsewhere', older),
    LogSoftmax: makes('logarithm of softmax', older),
    ReduceL1: makes('sum of absolute values', axes),
    ReduceL2: makes('root of the sum of squares', axes),
    ReduceLogSum: makes('logarithm of the sum', axes),
    ReduceLogSumExp: makes('logarithm of the sum of exponentials', axes),
    ReduceMax: makes('the largest; equal ones share the gradient', axes),
    ReduceMean: makes('mean', axes),
    ReduceMin: makes('the smallest; equal ones share the gradient', axes),
    ReduceProd: makes('product', axes),
    ReduceSum: makes('sum', axes),
    ReduceSumSquare: makes('sum of squares', axes),
    Softmax: makes('exponentials that sum to 1', older),
  },
}

const movement: Family = {
  title: 'Shapes and places',
  operators: {
    Concat: makes('joined along an axis', { open }),
    DepthToSpace: makes('channels laid out as blocks of an image', { open: openSpatial }),
    Expand: makes('repeated by broadcasting', { shape: computed('a shape') }),
    Flatten: makes('as a matrix'),
    Pad: makes('with a constant, a mirror or the edge around it', {
      pads: computed('pads'),
      cut: 'negative pads',
      axes: 'pads of named axes alone',
      wrap: 'mode `wrap`',
      open,
      trainedMode: 'trained through in the modes `reflect` and `edge`',
      trainedValue: 'trained through with a constant that the model computes',
    }),
    Reshape: makes('the same elements in another shape', { shape: computed('a shape') }),
    Slice: makes('a part, also in steps and backwards', { bounds: computed('bounds, axes or steps'), open }),
    SpaceToDepth: makes('blocks of an image as channels', { open: openSpatial }),
    Split: makes('several parts', { sizes: computed('sizes'), open }),
    Squeeze: makes('without axes of extent 1', { axes: computed('axes') }),
    Tile: makes('repeated', { repeats: computed('repeats'), open }),
    Transpose: makes('with its axes in another order'),
    Trilu: makes('the upper or lower triangle'),
    Unsqueeze: makes('with new axes of extent 1', { axes: computed('axes') }),
  },
}

const trainedKernel = 'trained through with a kernel of more than 4,096 places'
const windows: Family = {
  title: 'Convolutions and poolings',
  operators: {
    AveragePool: makes('mean of each window', {
      rank: 'over more than three axes beside batch and channels',
      open: openSpatial,
      pads: 'padding as wide as the kernel, and windows that can miss the input',
      ceil: 'with `ceil_mode`, a last window that would begin in the padding',
      same: '`auto_pad` SAME with dilations',
      trainedTables: 'trained through with more than 2²² windows along an axis, or places of a kernel times channels',
    }),
    Conv: makes('convolution, with strides, pads, dilations and groups', {
      open: openSpatial,
      same: '`auto_pad` SAME with dilations',
      trainedKernel,
    }),
    ConvTranspose: makes('transposed convolution', {
      open: openSpatial,
      shape: '`output_shape`',
      auto: '`auto_pad` other than NOTSET and VALID',
      padding: '`output_padding` of a stride or more',
      trainedKernel,
    }),
    GlobalAveragePool: makes('mean over everything but batch and channels'),
    GlobalMaxPool: makes('the largest of everything but batch and channels'),
    MaxPool: makes('the largest of each window, and where it is; the first of equal ones has the gradient', {
      rank: 'over more than three axes beside batch and channels',
      open: openSpatial,
      pads: 'padding as wide as the kernel, and windows that can miss the input',
      ceil: 'with `ceil_mode`, a last window that would begin in the padding',
      same: '`auto_pad` SAME with dilations',
      order: 'places counted column by column (`storage_order`)',
    }),
    GridSample: makes('values at places that a grid names, between pixels linearly or the nearest', {
      rank: 'over other than two axes beside batch and channels',
      cubic: 'mode `cubic`',
      reflection: 'padding mode `reflection`',
    }),
    Resize: makes('larger or smaller, by the nearest element or linearly', {
      cubic: 'mode `cubic`',
      antialias: '`antialias`',
      outside: '`exclude_outside`',
      ratio: '`keep_aspect_ratio_policy` other than `stretch`',
      axes: 'named axes',
      coordinates: 'the coordinates `tf_crop_and_resize` and `half_pixel_symmetric`',
      sizes: computed('scales or sizes'),
      mixed: 'linearly over batch, channels, or more than three other axes',
      rounding: 'by the nearest element where rounding decides which one that is',
      extent: 'from or to an extent above 16,384',
      open,
      trainedMatrix: 'trained through linearly where the extents before and after multiply to more than 2²²',
    }),
  },
}

const put = { reduction: 'reductions other than `add`' }
const indexing: Family = {
  title: 'Picked and put by index',
  operators: {
    Gather: makes('what indices name along an axis (embeddings)'),
    GatherElements: makes('an element for each index'),
    GatherND: makes('what vectors of indices name', { batches: 'within batches (`batch_dims`)' }),
    OneHot: makes('1 at an index, 0 elsewhere', {
      depth: 'a depth that the model computes, or that is no int64',
      scalar: 'a single index without axes',
    }),
    ScatterElements: makes('elements put at indices, or added there', put),
    ScatterND: makes('parts put at vectors of indices, or added there', put),
  },
}

const stash = 'a `stash_type` other than Float32'
const normalization: Family = {
  title: 'Normalisation and dropout',
  operators: {
    BatchNormalization: rewritten(
      'by the statistics of the batch, or by given ones',
      'by the statistics of the batch; the running ones are kept as weights that are not learnt',
      { outputs: 'in training form, without naming all three outputs' },
    ),
    Dropout: rewritten('itself, when a model is used', 'a part set to 0, by draws from outside the graph', {
      mask: 'its mask, if it is used (in a file)',
      ratio: 'a share that the model computes (in a file)',
    }),
    GroupNormalization: makes('by the statistics of groups of channels', {
      stash,
      perGroup: 'with a scale for each group, as in operator sets before 21',
    }),
    InstanceNormalization: makes('by the statistics of each channel'),
    LayerNormalization: makes('by the statistics of the last axes; also mean and inverse deviation', {
      stash,
      trainedScale: 'trained through with a scale of another shape than what is normalised',
      trainedStatistics: 'trained through by its mean or inverse deviation',
    }),
    LpNormalization: makes('by the sum of absolute values, or the root of squares'),
  },
}

const recurrentRefusals = {
  activations: 'other activations than the usual ones',
  parameters: 'parameters of activations',
  clip: 'clipped gates (`clip`)',
  layout: 'the batch in front (`layout`)',
  lengths: 'sequences of different lengths (`sequence_lens`)',
  width: 'without saying how wide it is (`hidden_size`)',
}
const recurrent: Family = {
  title: 'Recurrent layers',
  operators: {
    GRU: makes('gated recurrent unit, forward, reverse or both', recurrentRefusals),
    LSTM: makes('long short-term memory, forward, reverse or both', {
      ...recurrentRefusals,
      peepholes: 'peepholes',
      coupled: 'coupled gates (`input_forget`)',
    }),
    RNN: makes('recurrent layer with tanh, forward, reverse or both', recurrentRefusals),
  },
}

const most = 'more than 2²⁸ values'
const filling: Family = {
  title: 'Constants, shapes and control flow',
  operators: {
    Constant: rewritten('a constant', 'a constant of the graph', { text: 'a text (`value_string`)' }),
    ConstantOfShape: makes('one value, repeated', { shape: computed('a shape'), most }),
    If: rewritten('one branch or the other', 'the branch that is taken', {
      condition: computed('a condition'),
    }),
    Range: makes('numbers at equal distances', { bounds: computed('bounds'), most }),
    Scan: rewritten(
      'a step, repeated',
      'never read: it stands only in graphs that Wardround builds itself (epochs, recurrent gradients)',
      {
        file: 'in a file, and so is Loop: a model must be of fixed length',
      },
    ),
    Shape: rewritten('extents', 'the extents themselves, as a constant', {
      open: 'of an extent that is known only when it runs (the batch of a finished model)',
    }),
    Size: rewritten('the number of elements', 'that number, as a constant', {
      open: 'of an extent that is known only when it runs (the batch of a finished model)',
    }),
  },
}

export const operatorFamilies: readonly Family[] = [
  arithmetic,
  trigonometry,
  activations,
  logic,
  products,
  reductions,
  movement,
  windows,
  indexing,
  normalization,
  recurrent,
  filling,
]

type Limits = { readonly nodes: number; readonly depth: number; readonly tensorValues: number }
type Opsets = { readonly oldest: number; readonly newest: number; readonly own: number }

export const operatorsPage = {
  title: () => 'Operators',
  trained: { yes: 'yes', no: 'no', level: 'gradient 0' },
  asItIs: () => 'as it is',
  columns: () => ['operator', 'makes', 'trained through', 'in a file', 'refused'],
  introduction: (opsets: Opsets, count: number) => [
    `Two questions are answered here: **will my model train**, and **what may a hospital execute**. Models are ONNX graphs of ONNX's own domain (operator set ${opsets.own}; files of ${opsets.oldest} to ${opsets.newest} are read). No code comes with them: ${count} operators are executed, and nothing else.`,
    [
      '- **trained through**: `yes`, weights before it learn. `no`, it is only computed: what stands before it can be data, indices, conditions or shapes, but a weight that the loss depends on through it is refused (`WR_GRAPH_REFUSED`). `gradient 0`, it is level nearly everywhere, and nothing flows back.',
      '- **in a file**: most operators are taken as they are. Some are rewritten when a model is read; where all operands are constants, and few, the result is worked out at once.',
      "- **refused**: uses that ONNX's document allows, and a site does not. What a rule does not cover is never computed in another way: it ends with `WR_GRAPH_REFUSED`, or with `WR_GRAPH_INVALID`, before anything runs. What ONNX itself forbids is refused everywhere.",
    ].join('\n'),
  ],
  generated: () =>
    'This page is generated: `node tooling/run.mjs operators --write`. Its sentences are in `packages/core/src/words/en/operators.ts`; that each use is refused as it says is tested in `packages/core/src/graph/restrictions.test.ts`.',
  limitsTitle: () => 'Of every model',
  limits: ({ nodes, depth, tensorValues }: Limits, types: readonly string[]) => [
    `- At most ${nodes.toLocaleString('en')} nodes, ${depth} graphs deep, 2^${Math.log2(tensorValues)} constant values; 64 axes.`,
    `- Element types: ${types.join(', ')}. What is learnt is float32; half precision, double (but a Cast to it, which is read as one to Float32), complex numbers, sequences and sparse tensors are refused.`,
    '- Other domains (`com.microsoft`, `ai.onnx.ml`), functions that a file defines, and values that are kept in another file are refused.',
    '- A file has one float32 input, the batch in front and open, every other extent fixed and at least 1; its output has the batch in front, too.',
  ],
  unknown: (names: readonly string[]) =>
    `Without a family and words in packages/core/src/words/en/operators.ts: ${names.join(', ')}.`,
  needless: (names: readonly string[]) =>
    `Words in packages/core/src/words/en/operators.ts for what is no operator any more: ${names.join(', ')}.`,
  twice: (names: readonly string[]) =>
    `In two families of packages/core/src/words/en/operators.ts: ${names.join(', ')}.`,
  differs: (path: string) =>
    `${path} is not what the operators say now. Make it anew: node tooling/run.mjs operators --write`,
} as const
