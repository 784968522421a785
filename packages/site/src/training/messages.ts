/** What is asked of a trainer. */
import type { ModelInputs } from '@wardround/core/preparation/inputs.ts'
import type { ModelSpec, TrainingSpec } from '@wardround/core/study/model.ts'
import type { Weights } from '@wardround/core/weights.ts'

/** Model inputs with their targets. */
export type Dataset = Omit<ModelInputs, 'patients'> & {
  /** [rows]: which hospital's personal biases apply; only with `groups`. */
  readonly group?: Int32Array<ArrayBuffer>
}

/** How much: whole epochs, each shuffled afresh; or `steps` of an endless shuffle, from its step `from` (0 is the first). */
export type Amount = { readonly epochs: number } | { readonly steps: number; readonly from: number }

/** Where a training call stands after some of the parts of its schedule (plan.ts): what it needs to go on to the same bits. */
export type Checkpoint = {
  readonly done: number
  /** The mean loss of each of these parts. */
  readonly losses: readonly number[]
  /** The weights, then the optimizer's state. */
  readonly carried: Weights
}

export type TrainRequest = Amount & {
  readonly model: ModelSpec
  readonly training: TrainingSpec
  readonly data: Dataset
  /** All weights, personal ones included, in model order. */
  readonly weights: Weights
  /** One for each class index (graph/class-weights.ts). */
  readonly classWeights?: readonly number[]
  /** Names the random streams of shuffles and dropout. */
  readonly labels: readonly (string | number)[]
  /** Counted from 1. What a schedule of the rate goes by; without one nobody asks. */
  readonly round?: number
  /** FedProx: μ, and the global weights it pulls towards. */
  readonly proximal?: { readonly mu: number; readonly anchor: Weights }
  /** What is added to the gradients of the shared weights in every step. */
  readonly correction?: Weights
  readonly groups?: number
  /** Where an earlier try of this very request had come to. */
  readonly resume?: Checkpoint
}

export type TrainResult = {
  readonly weights: Weights
  readonly steps: number
  /** Mean data loss over each epoch's steps, before each step, without penalties; of a call by steps, one over them all. */
  readonly lossPerEpoch: readonly number[]
}

export type PredictRequest = {
  readonly model: ModelSpec
  readonly loss: TrainingSpec['loss']
  readonly weights: Weights
  /** With `masks`, what is answered is how well they are met (graph/mask-figures.ts), and no prediction. */
  readonly data: Pick<Dataset, 'features' | 'rows' | 'width' | 'extents' | 'pixelScale' | 'masks' | 'group'>
  readonly groups?: number
}
