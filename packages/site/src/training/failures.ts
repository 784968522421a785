/** What training can end in besides weights. Other codes would have the site wait, or end. */
import type { ErrorCode } from '@wardround/core/errors.ts'

export const failureCodes = [
  'WR_CANCELLED',
  'WR_GRAPH_INVALID',
  'WR_GRAPH_REFUSED',
  'WR_STUDY_INVALID',
  'WR_TRAINING_DIVERGED',
  'WR_TRAINING_FAILED',
] as const satisfies readonly ErrorCode[]

export const isFailureCode = (code: string): code is (typeof failureCodes)[number] =>
  failureCodes.some((possible) => possible === code)

/** Longer sentences are cut before they are sent. */
export const sentenceLength = 2000
