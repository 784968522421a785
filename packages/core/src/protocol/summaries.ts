/** What people are told of sites and studies. */
import { z } from 'zod'
import { findingSchema, preparationSchema } from '../preparation/schema.ts'
import { outcomeSchema, stopReasonSchema } from './events.ts'
import { sha256Schema, siteNameSchema, studyIdSchema } from './task.ts'

export const publicKeySchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

export const siteSummarySchema = z.strictObject({
  name: siteNameSchema,
  state: z.enum(['joined', 'left']),
  joinedAt: z.string(),
  lastSeenAt: z.string().nullable(),
  version: z.string(),
})

export const studyStateSchema = z.enum(['published', 'preparing', 'blocked', 'running', 'finishing', 'ended'])
export type StudyState = z.output<typeof studyStateSchema>

export const studySummarySchema = z.strictObject({
  id: studyIdSchema,
  name: z.string(),
  planHash: sha256Schema,
  state: studyStateSchema,
  round: z.int().min(0),
  outcome: outcomeSchema.nullable(),
  stoppedBecause: stopReasonSchema.nullable(),
  publishedAt: z.string(),
  /** Where it is from another coordinator: whose key signed it, and when. Nobody trains it here. */
  imported: z.strictObject({ coordinatorKey: publicKeySchema, madeAt: z.string() }).optional(),
  decisions: z.array(
    z.strictObject({ site: siteNameSchema, decision: z.enum(['approved', 'refused']), reason: z.string().optional() }),
  ),
})

/** Site → what preflight noticed there. */
export const findingsSchema = z.record(siteNameSchema, z.array(findingSchema))

export const studyDetailSchema = studySummarySchema.extend({
  plan: z.record(z.string(), z.unknown()),
  preparation: preparationSchema.nullable(),
  findings: findingsSchema,
  /** Tasks that failed or were refused, newest first: why did site X fail. */
  failures: z.array(
    z.strictObject({
      site: siteNameSchema,
      kind: z.string(),
      round: z.int(),
      code: z.string(),
      parameters: z.record(z.string(), z.union([z.string(), z.number()])),
      refused: z.boolean(),
      at: z.string(),
    }),
  ),
  /** Digests of blobs that the study needs and that are lost: it waits for them to be restored. */
  lost: z.array(sha256Schema),
  /** Sites that the current round still waits for. */
  waitingFor: z.array(siteNameSchema),
  /** The event sequence that this answer reflects. */
  sequence: z.int(),
})
