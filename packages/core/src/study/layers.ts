/** The layers of a study's model, named as Keras names them, and what each is told. Extents are those of one example: channels come first, then space. */
import { z } from 'zod'
import type { LayerKind } from './layer-kinds.ts'

export const activationNames = [
  ...(['linear', 'relu', 'sigmoid', 'tanh', 'softmax', 'leakyRelu', 'elu', 'selu', 'gelu', 'silu'] as const),
  ...(['softplus', 'softsign', 'mish', 'hardSigmoid', 'hardSilu', 'hardTanh'] as const),
] as const
export type Activation = (typeof activationNames)[number]

const layerName = z.string().regex(/^[a-z][a-zA-Z0-9_]{0,39}$/, 'a letter, then letters, digits or _ (at most 40)')
/** Weights are `NAME.kernel`, `NAME.bias` and so on. */
const named = { name: layerName.optional() }
const activation = z.enum(activationNames).default('linear')
const units = z.int().min(1).max(65_536)
const extent = z.int().min(1).max(4096)

/** Hu et al. 2021: the layer's own weights are frozen, and a product of two thin matrices is learnt beside its kernel. */
export const loraSchema = z.strictObject({
  /** How many rows and columns the thin ones have. */
  rank: z.int().min(1).max(1024),
  /** What they make is multiplied by alpha / rank. */
  alpha: z.number().positive().max(10_000),
})
export type LoraSpec = z.output<typeof loraSchema>
const lora = loraSchema.optional()

const dense = z.strictObject({
  /** Number of outputs: of an example, or of each of its steps where it has any. */
  dense: units,
  activation,
  /** Left out where there is one: plans from before it could be said keep their hash. */
  bias: z.literal(false).optional(),
  lora,
  ...named,
})

const dropout = z.strictObject({
  /** The share of inputs set to zero while training, in [0, 1). */
  dropout: z.number().min(0).lt(1),
  ...named,
})

const alone = z.strictObject({ activation: z.enum(activationNames), ...named })

/** One number for all axes, or one for each. */
const perAxis = (axes: number, number: z.ZodInt = extent) => z.union([number, z.array(number).length(axes)])

/** What windows over so many axes are told. */
const windows = (axes: number) => ({
  /** `valid`: none. `same`: as many outputs as strides fit into the input. Or so many zeros on both sides of each axis. */
  padding: z.union([z.enum(['valid', 'same']), perAxis(axes, z.int().min(0).max(4096))]).default('valid'),
})
const convolution = (axes: number) => ({
  kernel: perAxis(axes),
  strides: perAxis(axes).default(1),
  dilation: perAxis(axes).default(1),
  bias: z.boolean().default(true),
  activation,
  ...windows(axes),
  ...named,
})
const grouped = { groups: z.int().min(1).max(65_536).default(1), lora }

const pooling = (axes: number) => ({ strides: perAxis(axes).optional(), ...windows(axes), ...named })

const conv1d = z.strictObject({ conv1d: units, ...convolution(1), ...grouped })
const conv2d = z.strictObject({ conv2d: units, ...convolution(2), ...grouped })
const conv3d = z.strictObject({ conv3d: units, ...convolution(3), ...grouped })
const conv1dTranspose = z.strictObject({ conv1dTranspose: units, ...convolution(1) })
const conv2dTranspose = z.strictObject({ conv2dTranspose: units, ...convolution(2) })
const conv3dTranspose = z.strictObject({ conv3dTranspose: units, ...convolution(3) })
/** So many outputs for each channel, which never meet. */
const depthwiseConv1d = z.strictObject({ depthwiseConv1d: z.int().min(1).max(64), ...convolution(1) })
const depthwiseConv2d = z.strictObject({ depthwiseConv2d: z.int().min(1).max(64), ...convolution(2) })

const maxPool1d = z.strictObject({ maxPool1d: perAxis(1), ...pooling(1) })
const maxPool2d = z.strictObject({ maxPool2d: perAxis(2), ...pooling(2) })
const maxPool3d = z.strictObject({ maxPool3d: perAxis(3), ...pooling(3) })
const averagePool1d = z.strictObject({ averagePool1d: perAxis(1), ...pooling(1) })
const averagePool2d = z.strictObject({ averagePool2d: perAxis(2), ...pooling(2) })
const averagePool3d = z.strictObject({ averagePool3d: perAxis(3), ...pooling(3) })
const nothing = z.strictObject({})
/** One value a channel. */
const globalMaxPool = z.strictObject({ globalMaxPool: nothing, ...named })
const globalAveragePool = z.strictObject({ globalAveragePool: nothing, ...named })
/** Means of as equal parts as can be, so many on each axis. */
const adaptiveAveragePool = z.strictObject({ adaptiveAveragePool: z.array(extent).min(1).max(3), ...named })

const flatten = z.strictObject({ flatten: nothing, ...named })
const reshape = z.strictObject({ reshape: z.array(units).min(1).max(4), ...named })
/** Axes counted from 1, as Keras does: [2, 1] swaps the two of a sequence. */
const permute = z.strictObject({ permute: z.array(z.int().min(1).max(4)).min(1).max(4), ...named })
const upsample = z.strictObject({
  upsample: z.int().min(2).max(16),
  interpolation: z.enum(['nearest', 'bilinear']).default('nearest'),
  ...named,
})

const epsilon = (otherwise: number) => z.number().positive().max(1).default(otherwise)
const batchNormalization = z.strictObject({
  batchNormalization: z.strictObject({
    /** How much of the running statistics a step keeps. */
    momentum: z.number().min(0).lt(1).default(0.99),
    epsilon: epsilon(1e-3),
  }),
  ...named,
})
const groupNormalization = z.strictObject({
  groupNormalization: z.strictObject({ groups: z.int().min(1).max(65_536), epsilon: epsilon(1e-3) }),
  ...named,
})
/** Each channel of each example by itself. */
const instanceNormalization = z.strictObject({
  instanceNormalization: z.strictObject({ epsilon: epsilon(1e-3) }),
  ...named,
})
/** Over the last axis. */
const layerNormalization = z.strictObject({ layerNormalization: z.strictObject({ epsilon: epsilon(1e-3) }), ...named })
const rmsNormalization = z.strictObject({ rmsNormalization: z.strictObject({ epsilon: epsilon(1e-6) }), ...named })

/** Whole numbers below `embedding` become vectors of `outputs` values that are learnt. */
const embedding = z.strictObject({ embedding: z.int().min(2).max(1_000_000), outputs: units, ...named })
/** [steps, features] → [steps, units], or the last step's. */
const recurrent = {
  returnSequences: z.boolean().default(false),
  /** In both directions, whose outputs stand side by side. */
  bidirectional: z.boolean().default(false),
  ...named,
}
const gru = z.strictObject({ gru: units, ...recurrent })
const lstm = z.strictObject({ lstm: units, ...recurrent })
/** [steps, features] → the same: each step looks at all steps, with so many heads of `keyDim` values (features / heads, unless said otherwise). */
const selfAttention = z.strictObject({
  selfAttention: z.int().min(1).max(256),
  keyDim: z.int().min(1).max(4096).optional(),
  bias: z.boolean().default(true),
  ...named,
})
/** Adds sines and cosines of the step's number, which nothing learns. */
const positionalEncoding = z.strictObject({ positionalEncoding: nothing, ...named })

const plainLayer = z.union([
  dense,
  dropout,
  alone,
  conv1d,
  conv2d,
  conv3d,
  conv1dTranspose,
  conv2dTranspose,
  conv3dTranspose,
  depthwiseConv1d,
  depthwiseConv2d,
  flatten,
  reshape,
  permute,
  upsample,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  averagePool1d,
  averagePool2d,
  averagePool3d,
  globalMaxPool,
  globalAveragePool,
  adaptiveAveragePool,
  batchNormalization,
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  rmsNormalization,
  embedding,
  gru,
  lstm,
  selfAttention,
  positionalEncoding,
])
export type PlainLayerSpec = z.output<typeof plainLayer>

export type LayerSpec =
  | PlainLayerSpec
  | { readonly residual: readonly LayerSpec[]; readonly activation: Activation; readonly name?: string | undefined }
  | { readonly add: readonly Branch[]; readonly activation: Activation; readonly name?: string | undefined }
  | { readonly concat: readonly Branch[]; readonly name?: string | undefined }
/** Layers one after another; none: what comes in, as it is. */
export type Branch = readonly LayerSpec[]

const branch: z.ZodType<Branch> = z.lazy(() => z.array(layerSchema).max(64))
const branches = z.array(branch).min(2).max(8)
/** What comes in is added to what the layers make of it (He et al. 2016). */
const residual = z.strictObject({ residual: branch, activation, ...named })
/** Branches from one input, added up. */
const add = z.strictObject({ add: branches, activation, ...named })
/** Branches from one input, one behind the other along the channels, or along the last axis where there is no space. */
const concat = z.strictObject({ concat: branches, ...named })

export const layerSchema: z.ZodType<LayerSpec> = z.union([plainLayer, residual, add, concat])

export type SpecOf<K extends LayerKind> = K extends 'activation'
  ? z.output<typeof alone>
  : Extract<LayerSpec, { readonly [Key in K]: unknown }>
