/**
 * A whole study as one file: a tar archive (POSIX ustar) whose members are JSON, JSON Lines and weights, in this order, and last a manifest with the
 * digest of each, signed by the coordinator that it is from.
 *
 *     study.json                            what it was, and what came of it
 *     rounds-00001.jsonl …                  and so on for forms, tasks, events, audit: some rows a member, so that none is large
 *     given.safetensors                     of a study whose model is from a file: what was handed in with its plan
 *     first.safetensors, best.safetensors
 *     manifest.json
 */
import { z } from 'zod'
import { parseJson } from '../json.ts'
import { preparationSchema } from '../preparation/schema.ts'
import { eventSchema } from './events.ts'
import { resultsSchema, roundResultSchema } from './results.ts'
import { signedSchema } from './routes.ts'
import { findingsSchema } from './summaries.ts'
import { blobRefSchema, sha256Schema, siteNameSchema, studyIdSchema, taskIdSchema, taskResultSchema } from './task.ts'

/** PostgreSQL keeps no NUL in text. */
const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((given) => !given.includes('\0'), 'it holds NUL')
const text = line(4_000_000)
const time = z.int().min(0)
/** A text that is kept as it is, and is JSON of this form that has a canonical one. */
const jsonOf = (schema: z.ZodType) =>
  text.refine((given) => {
    try {
      return schema.safeParse(parseJson(given)).success
    } catch {
      return false
    }
  }, 'it is not the JSON that it should be')
const blob = jsonOf(blobRefSchema)

/** What is the same whether a study goes on or has ended is worked out again from the plan. */
export const studyMemberSchema = z.strictObject({
  id: studyIdSchema,
  plan: text,
  offer_signature: line(100),
  invited: jsonOf(z.array(siteNameSchema)).nullable(),
  attempt: z.int().min(0),
  preparation: jsonOf(preparationSchema).nullable(),
  findings: jsonOf(findingsSchema),
  best_round: z.int().min(0),
  stop_requested: z.int().min(0).max(1),
  published_at: z.iso.datetime(),
  started_at: time.nullable(),
  ended_at: time.nullable(),
  results: jsonOf(resultsSchema),
  decisions: z.array(
    z.strictObject({
      site: siteNameSchema,
      decision: z.enum(['approved', 'refused']),
      reason: line(4000).nullable(),
      grant: text,
      signature: line(100),
    }),
  ),
})
export type StudyMember = z.output<typeof studyMemberSchema>

/** Rows, by the name that their members begin with. */
export const rowSchemas = {
  rounds: z.strictObject({
    number: z.int().min(1),
    phase: z.enum(['completed', 'abandoned']),
    cohort: jsonOf(z.array(siteNameSchema)),
    weights_in: blob,
    weights_out: blob.nullable(),
    strategy_state: jsonOf(z.record(z.string(), blobRefSchema)).nullable(),
    deadline_at: time.nullable(),
    started_at: time,
    ended_at: time.nullable(),
    value: z.number().nullable(),
    result: jsonOf(roundResultSchema),
  }),
  forms: z.strictObject({ sha256: sha256Schema, text }),
  tasks: z.strictObject({
    id: taskIdSchema,
    kind: z.enum(['prepare', 'train', 'evaluate', 'finish']),
    round: z.int().min(0),
    site: siteNameSchema,
    state: z.enum(['reported', 'failed', 'late']),
    form: sha256Schema,
    signature: line(100),
    result: jsonOf(taskResultSchema).nullable(),
    issued_at: time,
    settled_at: time.nullable(),
    counted_in: z.int().min(1).nullable(),
    bytes_up: z.int().min(0),
    bytes_down: z.int().min(0),
  }),
  events: eventSchema,
  audit: z.strictObject({
    sequence: z.int().min(1),
    at: z.string().max(40),
    kind: line(100),
    body: z.unknown(),
    previous: sha256Schema,
    hash: sha256Schema,
  }),
} as const
export type RowKind = keyof typeof rowSchemas

export const rowKinds = Object.keys(rowSchemas) as readonly RowKind[]
export const memberName = (kind: RowKind, number: number): string => `${kind}-${String(number).padStart(5, '0')}.jsonl`
export const [studyName, givenName, firstName, bestName, manifestName] = [
  'study.json',
  'given.safetensors',
  'first.safetensors',
  'best.safetensors',
  'manifest.json',
] as const

export const memberSchema = z.strictObject({
  name: z.string().max(100),
  sizeBytes: z.int().min(0),
  sha256: sha256Schema,
})
export type Member = z.output<typeof memberSchema>

/** `document` of the signed manifest, which is signed for `wardround-study-v1`. */
export const studyManifestSchema = z.strictObject({
  wardround: z.literal('study'),
  version: z.literal(1),
  /** Of the program that made it. */
  madeBy: z.string().max(40),
  madeAt: z.iso.datetime(),
  study: studyIdSchema,
  coordinatorKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  members: z.array(memberSchema),
})
export type StudyManifest = z.output<typeof studyManifestSchema>

export const signedManifestSchema = signedSchema.extend({ document: z.string() })
