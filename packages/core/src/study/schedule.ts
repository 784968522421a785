/** How the learning rate changes: a factor of the optimizer's rate, in each round, or in each step of a round. */
import { z } from 'zod'

const common = {
  /** What is counted: rounds of the study, or a hospital's steps in one round, which begin anew in each. */
  over: z.enum(['rounds', 'steps']).default('rounds'),
  /** So many rounds or steps rise evenly to the full rate; what follows is counted from there. */
  warmUp: z.int().min(0).max(100_000).default(0),
}
const factor = z.number().positive().max(1)

export const scheduleSchema = z.union([
  z.strictObject({ constant: z.strictObject(common) }),
  z.strictObject({
    step: z.strictObject({
      /** Rounds or steps after which the rate is multiplied by `factor`, again and again. */
      every: z.int().min(1).max(100_000),
      factor,
      ...common,
    }),
  }),
  z.strictObject({
    exponential: z.strictObject({
      /** What the rate is multiplied by after each round or step. */
      factor,
      ...common,
    }),
  }),
  z.strictObject({
    cosine: z.strictObject({
      /** Rounds or steps in which the rate falls to `final`, where it stays. */
      length: z.int().min(1).max(100_000),
      /** The share of the rate that is left in the end. */
      final: z.number().min(0).max(1).default(0),
      ...common,
    }),
  }),
])
export type ScheduleSpec = z.output<typeof scheduleSchema>

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
