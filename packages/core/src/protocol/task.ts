/**
 * A task: one thing that the coordinator asks of one site, as a signed document. How to do it is in the study that the
 * site approved, never in the task; the task says which round, which weights and until when.
 */
import { z } from 'zod'
import { roundFigureSchema } from '../metrics/round-figure.ts'
import { estimateFields, statisticSchema } from '../metrics/schema.ts'
import { preparationSchema, surveySchema } from '../preparation/schema.ts'

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/)
export const siteNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and -, at most 63')
export const studyIdSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,79}$/)
export const taskIdSchema = z.string().regex(/^[a-z0-9-]{1,160}$/)

/** What keeps a site from going on, and passes. */
export const hindranceSchema = z.enum(['disk'])
export type Hindrance = z.output<typeof hindranceSchema>

/** A blob by its content. */
export const blobRefSchema = z.strictObject({
  sha256: sha256Schema,
  sizeBytes: z
    .int()
    .min(1)
    .max(2 ** 40),
})
export type BlobRef = z.output<typeof blobRefSchema>

const common = {
  version: z.literal(1),
  id: taskIdSchema,
  study: studyIdSchema,
  planHash: sha256Schema,
  site: siteNameSchema,
  /** Milliseconds since the epoch, by the coordinator's clock. */
  issuedAt: z.int(),
  expiresAt: z.int(),
}

const prepared = { ...common, preparation: preparationSchema, preparationHash: sha256Schema }
const round = z.int().min(1)

/** For a strategy whose sites correct their gradients (learning/local-correction.ts). */
export const correctionSchema = z.strictObject({
  /** The latest round whose update of this site counted: what it kept after that one is its own vector. 0: none did. */
  since: z.int().min(0),
  /** The common vector, as a weights file. Absent: 0. */
  common: blobRefSchema.optional(),
})

export const taskSchema = z.discriminatedUnion('kind', [
  /** Check the data against the study and survey the training records. */
  z.strictObject({ kind: z.literal('prepare'), ...common, attempt: z.int().min(1) }),
  /** Train from `weights` and send back the difference. `bestRound` says which personal weights are still wanted. */
  z.strictObject({
    kind: z.literal('train'),
    ...prepared,
    round,
    weights: blobRefSchema,
    bestRound: z.int().min(0),
    correction: correctionSchema.optional(),
  }),
  /** Measure `weights`, the result of `round`, on the validation records (training records where there are none). */
  z.strictObject({ kind: z.literal('evaluate'), ...prepared, round, weights: blobRefSchema }),
  /**
   * Train alone with the same budget, and compare on the test patients: once, at the end. `round` is the best round. `maximumRounds` is the
   * budget: the plan's, or as many rounds as there were where something else than its stop rule ended them.
   */
  z.strictObject({
    kind: z.literal('finish'),
    ...prepared,
    round: z.int().min(0),
    weights: blobRefSchema,
    maximumRounds: z.int().min(1),
  }),
])
export type Task = z.output<typeof taskSchema>
export type TaskKind = Task['kind']

const measurements = z.record(z.string().max(60), z.number())
const people = z
  .int()
  .min(0)
  .max(2 ** 40)

/** One model on one site's test patients. */
export const modelResultSchema = z.strictObject({
  ...estimateFields,
  /** What merges into the overall figures and draws ROC and calibration; null where the cohort is too small to say. */
  statistic: statisticSchema.nullable(),
})
export type ModelResult = z.output<typeof modelResultSchema>

/** What an update's metadata says of its making. */
export const trainFacts = {
  numExamples: z
    .int()
    .min(1)
    .max(2 ** 40),
  /** Steps of the local optimizer. Absent, from a site of an older version: those of the plan (learning/local-steps.ts). */
  numSteps: z
    .int()
    .min(1)
    .max(2 ** 50)
    .optional(),
  measurements,
} as const

/** Results that travel as JSON; that of training is its update. */
const reports = [
  z.strictObject({ kind: z.literal('prepare'), survey: surveySchema }),
  z.strictObject({
    kind: z.literal('evaluate'),
    on: z.enum(['validation', 'training']),
    /** What the stop rule watches; null where it would be about fewer patients than the minimum cohort. */
    figure: roundFigureSchema.nullable(),
  }),
  z.strictObject({
    kind: z.literal('finish'),
    nTrain: people.nullable(),
    nTest: people.nullable(),
    local: modelResultSchema,
    federated: modelResultSchema,
    /** Federated minus local on the same patients, paired; better only where the interval leaves zero out. */
    difference: z.strictObject(estimateFields),
    /** Rounds that training alone took until its own stop rule. */
    localRounds: z.int().min(0),
  }),
  /** The site could not, or would not. `code` is of the error registry; parameters are those fit for a peer. */
  z.strictObject({
    kind: z.literal('failed'),
    code: z.string().max(60),
    parameters: z.record(z.string().max(60), z.union([z.string().max(500), z.number()])),
    /** Whether the site means it (a refusal) or would try again. */
    refused: z.boolean(),
  }),
] as const
export const reportSchema = z.discriminatedUnion('kind', [...reports])
export type Report = z.output<typeof reportSchema>

/** A result as the coordinator keeps it. `update` is the file of the shared weights' differences (protocol/update.ts). */
const trainedSchema = z.strictObject({ kind: z.literal('train'), update: blobRefSchema, ...trainFacts })
export type Trained = z.output<typeof trainedSchema>
export const taskResultSchema = z.discriminatedUnion('kind', [...reports, trainedSchema])
export type TaskResult = z.output<typeof taskResultSchema>

/** A hospital's signed word on one plan: what its own machine checks before every task. */
export const grantSchema = z.strictObject({
  version: z.literal(1),
  study: studyIdSchema,
  planHash: sha256Schema,
  site: siteNameSchema,
  decision: z.enum(['approved', 'refused']),
  reason: z.string().max(500).optional(),
  decidedAt: z.int(),
})
export type Grant = z.output<typeof grantSchema>

/** The coordinator's signed offer of a study: the document that planHash is the hash of. */
export const offerSchema = z.strictObject({
  version: z.literal(1),
  study: studyIdSchema,
  planHash: sha256Schema,
  /** The study as published; the site validates it for itself and computes the hash. */
  plan: z.record(z.string(), z.unknown()),
})
export type Offer = z.output<typeof offerSchema>
