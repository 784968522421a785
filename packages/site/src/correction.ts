/** What this site adds to its gradients where the study's strategy asks for it, and what it keeps for that from round to round. */
import { WardroundError } from '@wardround/core/errors.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { flatten, unflatten } from '@wardround/core/safetensors.ts'
import { rateOf } from '@wardround/core/study/rate.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { dimensionOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { fetchWeights } from './blob.ts'
import type { SiteContext } from './context.ts'
import { studyFolder } from './study-folder.ts'

type Made = { readonly delta: Weights; readonly steps: number }

export type Correction = {
  /** For the trainer: to be added to the gradients of the shared weights. */
  readonly gradient: Weights
  /**
   * Keeps what follows from this round's training, before its update leaves. What this round began with is kept as well: whether the update
   * counted is known with the next task only.
   */
  keep(made: Made): void
}

/** undefined where the strategy asks for none. Errors: WR_PLAN_ALTERED where the task says otherwise; WR_ROUND_FORGOTTEN; of fetchWeights(). */
export async function correctionFor(
  site: SiteContext,
  { task, study, specs }: { task: Extract<Task, { kind: 'train' }>; study: Study; specs: readonly TensorSpec[] },
): Promise<Correction | undefined> {
  const { correction } = strategyOf(study.strategy).client
  const given = task.correction
  if ((correction === undefined) !== (given === undefined) || (given?.since ?? 0) >= task.round)
    throw new WardroundError('WR_PLAN_ALTERED', { study: task.study })
  if (correction === undefined || given === undefined) return undefined
  const { own } = studyFolder(site, task.study)
  const zeros = (): Float32Array => new Float32Array(dimensionOf(specs))
  const kept = given.since === 0 ? undefined : own.at(given.since, specs)
  // What has left before must come out alike. What has not begins anew where a disk has lost this.
  if (given.since > 0 && kept === undefined && site.progress.released(task.study, task.id) !== undefined)
    throw new WardroundError('WR_ROUND_FORGOTTEN', { study: task.study, round: given.since })
  const vectors = {
    own: kept === undefined ? zeros() : flatten(kept),
    common: given.common === undefined ? zeros() : flatten(await fetchWeights(site, given.common, specs)),
  }
  return {
    gradient: unflatten(specs, correction.gradient(vectors, rateOf(study.training.optimizer))),
    keep(made) {
      own.save(task.round, unflatten(specs, correction.next(vectors, { ...made, delta: flatten(made.delta) })))
      own.keep([given.since, task.round])
    },
  }
}
