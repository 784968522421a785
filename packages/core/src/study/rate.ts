/** The learning rate that a study asks for. By itself: a trainer's process starts without the forms of a study. */
import type { OptimizerName, OptimizerOptions, OptimizerSpec } from './optimizer.ts'
import type { ScheduleSpec } from './schedule.ts'

export const optimizerOptions = (spec: OptimizerSpec): OptimizerOptions<OptimizerName> =>
  // Each has one field; Object.values() would say that it may have none.
  Object.values<OptimizerOptions<OptimizerName>>(spec)[0] as OptimizerOptions<OptimizerName>

/** The learning rate, before any schedule. */
export const rateOf = (spec: OptimizerSpec): number => optimizerOptions(spec).rate

type Common = { readonly over: 'rounds' | 'steps'; readonly warmUp: number }

/** What is counted, and from where. */
export const countingOf = (schedule: ScheduleSpec): Common =>
  // Each has one field; Object.values() would say that it may have none.
  Object.values<Common>(schedule)[0] as Common

/**
 * What the rate is multiplied by in the round or step number `count`, from 0. These are PyTorch's schedules: LinearLR from 1 / (warmUp + 1), then ConstantLR,
 * StepLR, ExponentialLR or CosineAnnealingLR (Loshchilov and Hutter 2017, eq. 5, without restarts), which ends where it has fallen, rather than rise again.
 */
export function rateFactor(schedule: ScheduleSpec, count: number): number {
  const { warmUp } = countingOf(schedule)
  if (count < warmUp) return (count + 1) / (warmUp + 1)
  const since = count - warmUp
  if ('step' in schedule) return schedule.step.factor ** Math.floor(since / schedule.step.every)
  if ('exponential' in schedule) return schedule.exponential.factor ** since
  if ('cosine' in schedule) {
    const { length, final } = schedule.cosine
    return final + ((1 - final) * (1 + Math.cos((Math.PI * Math.min(since, length)) / length))) / 2
  }
  return 1
}
