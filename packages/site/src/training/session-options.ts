/** How ONNX Runtime is set up: for the same bits from the same graph and data, and for as much memory as a model needs. */
import { sizeOf } from '@wardround/core/weights.ts'
import type { InferenceSession } from 'onnxruntime-node'

const usual: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Errors only; warnings would end up in a hospital's log without saying anything that a person could act on.
  logSeverityLevel: 3,
}

/** What there is much of: nothing; values between the nodes of a step; or all that a step carries, too. */
export type Amount = 'little' | 'between' | 'all'

/**
 * An arena keeps what it once needed, and asks for twice as much when it needs more; a memory pattern lays all of a run's values out in advance, with gaps
 * between them. For small values both are time saved; where values are large a pattern is a quarter more memory and no time, and an arena is memory.
 */
const ofAmount: Readonly<Record<Amount, InferenceSession.SessionOptions>> = {
  little: usual,
  between: { ...usual, enableMemPattern: false },
  all: { ...usual, enableMemPattern: false, enableCpuMemArena: false },
}

export const sessionOptions = (amount: Amount): InferenceSession.SessionOptions => ofAmount[amount]

/** From so many values of a batch on, 128 KiB, what a step makes of them counts as much. */
const largeBatch = 2 ** 15

/** Of a step with so many examples of these extents. */
export const amountOfStep = (batch: number, extents: readonly number[]): Amount =>
  batch * sizeOf(extents) < largeBatch ? 'little' : 'between'
