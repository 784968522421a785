/** The durable sequence of what happened. Each row is written in the transaction that changed the state. */
import { z } from 'zod'
import { estimateSchema } from '../metrics/schema.ts'
import { hindranceSchema, siteNameSchema, studyIdSchema } from './task.ts'

/** How a study ended; never a bare success (DESIGN: Outcomes). */
export const outcomeSchema = z.enum(['completed', 'completed partially', 'stopped early', 'abandoned'])
export type Outcome = z.output<typeof outcomeSchema>

/** Why rounds ended. */
export const stopReasonSchema = z.enum([
  'converged',
  'maximum rounds',
  'stopped by a person',
  'quorum lost',
  'preflight failed',
])
export type StopReason = z.output<typeof stopReasonSchema>

const roundNumber = z.int().min(0)

/** One site's part in a round, as it may be shown. `value` is null where hidden. */
export const roundSiteSchema = z.strictObject({
  site: siteNameSchema,
  /** working: it goes on with an earlier task; what that brings counts in a later round. */
  state: z.enum(['contributed', 'working', 'late', 'failed', 'refused']),
  /** Rounds between the one that its update started from and this one; absent: none. */
  stale: z.int().min(1).optional(),
  /** The error's code where failed or refused. */
  code: z.string().optional(),
  n: z.int().nullable(),
  value: z.number().nullable(),
  seconds: z.number(),
})
export type RoundSite = z.output<typeof roundSiteSchema>

const payloads = {
  /** From a backup made then: what happened since may happen again. */
  'coordinator.restored': z.strictObject({ madeAt: z.string() }),
  'site.joined': z.strictObject({ site: siteNameSchema }),
  'site.left': z.strictObject({ site: siteNameSchema }),
  /** From a file of another coordinator; its own events of then follow. */
  'study.imported': z.strictObject({ planHash: z.string(), coordinatorKey: z.string() }),
  'study.published': z.strictObject({ planHash: z.string() }),
  'study.decided': z.strictObject({
    site: siteNameSchema,
    decision: z.enum(['approved', 'refused']),
    reason: z.string().optional(),
  }),
  'study.started': z.strictObject({ sites: z.array(siteNameSchema), maximumRounds: z.int() }),
  'study.prepared': z.strictObject({ preparationHash: z.string(), inputs: z.int() }),
  'study.blocked': z.strictObject({ sites: z.array(siteNameSchema) }),
  'study.finishing': z.strictObject({ bestRound: roundNumber, stoppedBecause: stopReasonSchema }),
  'study.ended': z.strictObject({ outcome: outcomeSchema, stoppedBecause: stopReasonSchema }),
  'round.started': z.strictObject({ round: roundNumber, sites: z.array(siteNameSchema) }),
  'round.ended': z.strictObject({
    round: roundNumber,
    state: z.enum(['completed', 'abandoned']),
    /** The stop metric on all sites together, and what it was measured on. */
    metric: z.string(),
    on: z.enum(['validation', 'training']),
    overall: estimateSchema,
    sites: z.array(roundSiteSchema),
    measurements: z.record(z.string(), z.number()),
  }),
  'task.assigned': z.strictObject({ site: siteNameSchema, task: z.string(), kind: z.string(), round: roundNumber }),
  /** It cannot go on with it for now, and says why; it goes on by itself. */
  'task.waiting': z.strictObject({
    site: siteNameSchema,
    task: z.string(),
    kind: z.string(),
    round: roundNumber,
    waitingFor: hindranceSchema,
  }),
  'task.reported': z.strictObject({ site: siteNameSchema, task: z.string(), kind: z.string(), round: roundNumber }),
  'task.failed': z.strictObject({
    site: siteNameSchema,
    task: z.string(),
    kind: z.string(),
    round: roundNumber,
    code: z.string(),
    parameters: z.record(z.string(), z.union([z.string(), z.number()])),
    refused: z.boolean(),
  }),
} as const

export type EventKind = keyof typeof payloads
export type EventPayload<K extends EventKind = EventKind> = z.output<(typeof payloads)[K]>
export type NewEvent = { [K in EventKind]: { kind: K; study: string | null; payload: EventPayload<K> } }[EventKind]

const eventOf = <K extends EventKind>(kind: K) =>
  z.strictObject({
    sequence: z.int().min(1),
    at: z.string(),
    study: studyIdSchema.nullable(),
    kind: z.literal(kind),
    payload: payloads[kind],
  })

/** An event as it travels; the kind decides the payload's shape. */
export const eventSchema = z.discriminatedUnion('kind', [
  eventOf('coordinator.restored'),
  eventOf('site.joined'),
  eventOf('site.left'),
  eventOf('study.imported'),
  eventOf('study.published'),
  eventOf('study.decided'),
  eventOf('study.started'),
  eventOf('study.prepared'),
  eventOf('study.blocked'),
  eventOf('study.finishing'),
  eventOf('study.ended'),
  eventOf('round.started'),
  eventOf('round.ended'),
  eventOf('task.assigned'),
  eventOf('task.waiting'),
  eventOf('task.reported'),
  eventOf('task.failed'),
])
export type StoredEvent = z.output<typeof eventSchema>
