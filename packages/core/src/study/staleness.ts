/** How long an update may be late, and how much less it counts. learning/collecting.ts gives it meaning. */
import { z } from 'zod'

export const stalenessSchema = z.strictObject({
  /** An update that is s rounds late counts (1 + s)^−exponent; 0: as much as a fresh one. */
  exponent: z.number().min(0).max(10).default(0.5),
  /** Rounds after which it is dropped. */
  maximum: z.int().min(1).max(1000).default(10),
})
export type Staleness = z.output<typeof stalenessSchema>
