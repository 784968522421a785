/** The result of a study: what report, console and `study results` show, and nothing that a site did not release. */
import { z } from 'zod'
import { estimateFields, estimateSchema } from '../metrics/schema.ts'
import { preparationSchema } from '../preparation/schema.ts'
import { outcomeSchema, roundSiteSchema, stopReasonSchema } from './events.ts'
import { modelResultSchema, sha256Schema, siteNameSchema, studyIdSchema } from './task.ts'

const people = z.int().min(0).nullable()
const difference = z.strictObject(estimateFields)

/** One hospital. `centralised` exists only in demo and simulation, where all data is one's own. */
export const siteResultSchema = z.strictObject({
  name: siteNameSchema,
  nTrain: people,
  nTest: people,
  local: modelResultSchema,
  federated: modelResultSchema,
  centralised: modelResultSchema.nullable(),
  difference,
  localRounds: z.int(),
})
export type SiteResult = z.output<typeof siteResultSchema>

export const roundResultSchema = z.strictObject({
  round: z.int().min(0),
  state: z.enum(['completed', 'abandoned']),
  overall: estimateSchema,
  sites: z.array(roundSiteSchema),
  measurements: z.record(z.string(), z.number()),
  startedAt: z.string(),
  endedAt: z.string(),
})
export type RoundResult = z.output<typeof roundResultSchema>

export const resultsSchema = z.strictObject({
  study: z.string(),
  studyId: studyIdSchema,
  planHash: sha256Schema,
  plan: z.record(z.string(), z.unknown()),
  preparation: preparationSchema.nullable(),
  outcome: outcomeSchema,
  stoppedBecause: stopReasonSchema,
  /** Sites that were to take part, and those that did in every completed round whose turn was theirs, and in the final comparison. */
  expected: z.array(siteNameSchema),
  contributed: z.array(siteNameSchema),
  weightsSha256: sha256Schema,
  bestRound: z.int().min(0),
  rounds: z.array(roundResultSchema),
  /** The stop metric's name and what it was measured on. */
  metric: z.string(),
  measuredOn: z.enum(['validation', 'training']),
  bytesUp: z.int(),
  bytesDown: z.int(),
  seconds: z.number(),
  sites: z.array(siteResultSchema),
  /** All hospitals' test patients together, from merged histograms. */
  overall: z.strictObject({
    local: modelResultSchema,
    federated: modelResultSchema,
    centralised: modelResultSchema.nullable(),
  }),
  /** What computed it: name → version or description, for each machine that took part. */
  machine: z.record(z.string(), z.string()),
})
export type Results = z.output<typeof resultsSchema>
