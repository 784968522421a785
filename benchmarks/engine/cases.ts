/** The models that are trained by both sides, as a study would say them, and how much of each is measured. */
import { type ModelSpec, modelSchema, type TrainingSpec, trainingSchema } from '@wardround/core/study/model.ts'

export type Case = {
  readonly name: string
  readonly model: ModelSpec
  /** The extents of one example. */
  readonly inputs: readonly number[]
  readonly training: Pick<TrainingSpec, 'loss' | 'optimizer' | 'batch' | 'l2'>
  /** Of a batch's examples, where there are as many threads as parts: as a study's `training.microbatch`. Else the whole batch is worked on at once. */
  readonly microbatch?: number
  /** Examples in memory, of which each batch is gathered. */
  readonly rows: number
  /** Steps that are measured at a time; of PyTorch no more than `mostTorchSteps`. */
  readonly steps: number
  /** How many times as fast as PyTorch it is to be. */
  readonly target: number
}

type Told = Omit<Case, 'model' | 'training'> & {
  readonly layers: readonly unknown[]
  readonly loss: TrainingSpec['loss']
  readonly optimizer: object
  readonly batch: number
}

/** What is left out is the study's own default. */
function caseOf({ layers, loss, optimizer, batch, ...rest }: Told): Case {
  const training = trainingSchema.parse({ loss, optimizer, batch, epochs: 1 })
  return { ...rest, model: modelSchema.parse({ layers }), training }
}

const sgd = { sgd: { rate: 0.01, momentum: 0.9 } }
const plain = { sgd: { rate: 0.01 } }
const adam = { adam: { rate: 0.001 } }
const relu = 'relu'
const conv = (filters: number, more: object = {}) => ({ conv2d: filters, kernel: 3, padding: 1, ...more })
const norm = { groupNormalization: { groups: 8, epsilon: 1e-5 } }
const bare = { bias: false }

/** He et al. 2016: two convolutions and a way around them, which is one of 1 × 1 where extents change. */
const block = (filters: number, stride: number): object => {
  const straight = [conv(filters, { strides: stride, ...bare }), norm, { activation: relu }, conv(filters, bare), norm]
  const around = stride === 1 ? [] : [{ conv2d: filters, kernel: 1, strides: stride, ...bare }, norm]
  return { add: [straight, around], activation: relu }
}

const twice = (filters: number) => [conv(filters, { activation: relu }), conv(filters, { activation: relu })]
/** Ronneberger et al. 2015: down, `inner`, up again, and beside it what was there before. */
const around = (filters: number, inner: readonly object[]): readonly object[] => [
  ...twice(filters),
  { concat: [[], [{ maxPool2d: 2 }, ...inner, { conv2dTranspose: filters, kernel: 2, strides: 2 }]] },
  ...twice(filters),
]

const layerNorm = { layerNormalization: { epsilon: 1e-5 } }
/** Vaswani et al. 2017, with the normalisation behind each sum, as torch.nn.TransformerEncoderLayer has it. */
const encoder = [
  { residual: [{ selfAttention: 4 }] },
  layerNorm,
  { residual: [{ dense: 128, activation: relu }, { dense: 64 }] },
  layerNorm,
]

/** What a step of PyTorch costs does not depend on how many there are. */
export const mostTorchSteps = 100

export const cases: readonly Case[] = [
  {
    name: 'linear 13-1',
    layers: [{ dense: 1 }],
    inputs: [13],
    loss: 'binaryCrossEntropy' as const,
    optimizer: plain,
    batch: 4,
    rows: 304,
    steps: 1520,
    target: 40,
  },
  {
    name: 'linear 13-1 by Adam',
    layers: [{ dense: 1 }],
    inputs: [13],
    loss: 'binaryCrossEntropy' as const,
    optimizer: adam,
    batch: 4,
    rows: 304,
    steps: 1520,
    target: 40,
  },
  {
    name: 'MLP 13-64-32-1',
    layers: [{ dense: 64, activation: relu }, { dense: 32, activation: relu }, { dense: 1 }],
    inputs: [13],
    loss: 'binaryCrossEntropy' as const,
    optimizer: sgd,
    batch: 32,
    rows: 608,
    steps: 950,
    target: 10,
  },
  {
    name: 'MLP 784-512-10',
    layers: [{ dense: 512, activation: relu }, { dense: 10 }],
    inputs: [784],
    loss: 'categoricalCrossEntropy' as const,
    optimizer: sgd,
    batch: 128,
    rows: 1024,
    steps: 64,
    target: 1,
  },
  {
    name: 'CNN',
    layers: [
      conv(32, { activation: relu }),
      { maxPool2d: 2 },
      conv(64, { activation: relu }),
      { maxPool2d: 2 },
      { flatten: {} },
      { dense: 96, activation: relu },
      { dense: 4 },
    ],
    inputs: [1, 64, 64],
    loss: 'categoricalCrossEntropy' as const,
    optimizer: sgd,
    batch: 32,
    microbatch: 16,
    rows: 128,
    steps: 4,
    target: 1.3,
  },
  {
    name: 'ResNet-8',
    layers: [
      conv(16, bare),
      norm,
      { activation: relu },
      block(16, 1),
      block(32, 2),
      block(64, 2),
      { globalAveragePool: {} },
      { dense: 4 },
    ],
    inputs: [1, 64, 64],
    loss: 'categoricalCrossEntropy' as const,
    optimizer: sgd,
    batch: 32,
    microbatch: 16,
    rows: 128,
    steps: 4,
    target: 1,
  },
  {
    name: 'GRU 48×40',
    layers: [{ gru: 64 }, { dense: 1 }],
    inputs: [48, 40],
    loss: 'binaryCrossEntropy' as const,
    optimizer: adam,
    batch: 32,
    rows: 256,
    steps: 32,
    target: 1,
  },
  {
    name: 'transformer encoder',
    layers: [...encoder, ...encoder, { flatten: {} }, { dense: 1 }],
    inputs: [48, 64],
    loss: 'binaryCrossEntropy' as const,
    optimizer: adam,
    batch: 32,
    rows: 256,
    steps: 16,
    target: 1,
  },
  {
    name: 'U-Net',
    layers: [...around(16, around(32, twice(64))), { conv2d: 1, kernel: 1 }],
    inputs: [1, 64, 64],
    loss: 'diceCrossEntropy' as const,
    optimizer: adam,
    batch: 8,
    microbatch: 4,
    rows: 64,
    steps: 4,
    target: 1,
  },
].map(caseOf)
