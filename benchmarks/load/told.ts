/** What the processes of the load are told, and what they say. */
import { z } from 'zod'

/** To the process of all sites. */
export const sitesSchema = z.strictObject({
  tokens: z.array(z.string()),
  /** Site N takes part in study N modulo their number. */
  studies: z.array(z.strictObject({ study: z.string(), planHash: z.string() })),
  weights: z.int(),
  /** The longest that a task takes; the shortest is no time. */
  taskMs: z.number(),
})

export const joinedSchema = z.strictObject({ joined: z.int() })

/** To the process of all watchers. */
export const watchersSchema = z.strictObject({
  access: z.string(),
  /** One watcher each: the study that it watches; null: everything. */
  watched: z.array(z.string().nullable()),
  after: z.int(),
})

export const openSchema = z.strictObject({ open: z.int() })

/** To it, at the end: the sequence numbers that there were, with the study of each. */
export const sentSchema = z.strictObject({ sent: z.array(z.tuple([z.int(), z.string().nullable()])) })

export const heardSchema = z.strictObject({
  watchers: z.array(
    z.strictObject({ sent: z.int(), received: z.int(), lost: z.int(), doubled: z.int(), outOfOrder: z.int() }),
  ),
  /** Streams that ended before they were told to. */
  brokenOff: z.int(),
})
