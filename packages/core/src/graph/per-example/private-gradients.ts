/**
 * DP-SGD's gradients (Abadi et al. 2016, Algorithm 1): clipped example by example, added up, noise added, and divided by how many examples a batch is expected to
 * have. What is drawn comes in from the caller: who the examples of a batch are, and the noise.
 */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { scaled } from '../gradients/elementwise.ts'
import { clippedSums, type Objective } from './clipped-sums.ts'

export type PrivacyOptions = {
  /** C: how far one example can move a batch's sum of gradients. */
  readonly clipNorm: number
  /** σ: the noise's standard deviation is σ·C. */
  readonly noiseMultiplier: number
  /**
   * The sampling rate times the number of examples. Not how many a batch turned out to have: that is itself something that an example changes, and dividing by it
   * would move all others' part.
   */
  readonly expectedBatch: number
  /** Values that may be held for all examples of a batch at once; what needs more is done one example after another. */
  readonly mostHeld?: number
}

type Private = {
  readonly objective: Objective
  readonly options: PrivacyOptions
  /** For each parameter: standard normal draws in its shape, new ones in each step. */
  readonly noise: readonly string[]
}

/** (Σ clipped + σ·C·noise) / expected batch, for each parameter; and the loss of the batch, which is not private. Errors as of clippedSums(). */
export function privateGradients(
  b: GraphBuilder,
  { objective, options: { clipNorm, noiseMultiplier, expectedBatch, mostHeld }, noise }: Private,
): { loss: string; gradients: readonly string[] } {
  if (!(noiseMultiplier >= 0 && expectedBatch > 0 && Number.isFinite(noiseMultiplier / expectedBatch)))
    throw new WardroundError('WR_GRAPH_INVALID', {
      problem: `noise of ${noiseMultiplier} over a batch of ${expectedBatch} is no private step`,
    })
  const { loss, sums } = clippedSums(b, objective, {
    clipNorm,
    scale: 1 / expectedBatch,
    ...(mostHeld === undefined ? {} : { held: mostHeld }),
  })
  const gradients = sums.map((sum, index) => {
    const drawn = scaled(b, noise[index] ?? '', (noiseMultiplier * clipNorm) / expectedBatch)
    return b.node('Add', [sum, drawn])
  })
  return { loss, gradients }
}
