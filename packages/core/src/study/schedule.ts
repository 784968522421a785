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
