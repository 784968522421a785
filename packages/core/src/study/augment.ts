/** How images are changed by chance while they are trained on. */
import { z } from 'zod'

export const augmentSchema = z.strictObject({
  /** Turned over, left to right, upside down, or both, each with even chances. */
  flip: z.enum(['none', 'horizontal', 'vertical', 'both']).default('none'),
  /** At most so much of its width and height, either way. */
  shift: z.number().min(0).max(0.5).default(0),
  /** At most so many degrees, either way. */
  rotation: z.number().min(0).max(180).default(0),
  /** At most so much larger or smaller, as a share. */
  scale: z.number().min(0).max(0.5).default(0),
  /** At most so much brighter or darker, as a share of white. */
  brightness: z.number().min(0).max(1).default(0),
})
export type AugmentSpec = z.output<typeof augmentSchema>
