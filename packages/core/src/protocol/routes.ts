/**
 * The API as data: the coordinator registers handlers for these routes, clients call them, and /openapi.json is made from
 * them. `by` says who may call: anybody, a joined site (signed proof) or an account (bearer secret).
 */
import { z } from 'zod'
import { mostAtOnce } from './at-work.ts'
import { enclosedSchema } from './enclosed.ts'
import { eventSchema } from './events.ts'
import { resultsSchema } from './results.ts'
import { publicKeySchema, siteSummarySchema, studyDetailSchema, studySummarySchema } from './summaries.ts'
import {
  blobRefSchema,
  hindranceSchema,
  reportSchema,
  sha256Schema,
  siteNameSchema,
  studyIdSchema,
  taskIdSchema,
} from './task.ts'

export const signedSchema = z.strictObject({ document: z.string().max(4_000_000), signature: z.string().max(100) })

const versionSchema = z.string().regex(/^\d+\.\d+\.\d+$/)
/** A number as JSON has it (RFC 8259, section 6), and nothing else that JavaScript takes for one (no text at all, blanks, 0x10). */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** A number in a query. */
const inQuery = <T extends z.ZodType>(schema: T) =>
  z.preprocess((given) => (typeof given === 'string' && jsonNumber.test(given) ? Number(given) : given), schema)
const waitSeconds = inQuery(z.number().min(0).max(30)).default(0)
/**
 * The next signed task of the site that asks; null where there was none for as long as it waited. With it the weights that it names, if the site
 * takes them (enclosed.ts).
 */
const nextTask = z.strictObject({ task: signedSchema.nullable(), enclosed: enclosedSchema.optional() })
const empty = z.strictObject({})

const studyParams = z.strictObject({ study: studyIdSchema })
const taskParams = z.strictObject({ task: taskIdSchema })

type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly by: 'anybody' | 'site' | 'account'
  readonly summary: string
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** The body is bytes, taken in while they come. */
  readonly streamed?: true
  /** The JSON answer; `bytes` and `events` are streams; `text` is plain text. */
  readonly answer: z.ZodType | 'bytes' | 'events' | 'text'
}

export const routes = {
  health: {
    method: 'GET',
    path: '/health',
    by: 'anybody',
    summary: 'Whether the coordinator works',
    answer: z.strictObject({ status: z.literal('ok'), version: versionSchema, nowMs: z.int() }),
  },
  metrics: { method: 'GET', path: '/metrics', by: 'anybody', summary: 'Counters for Prometheus', answer: 'text' },
  join: {
    method: 'POST',
    path: '/v1/join',
    by: 'anybody',
    summary: 'Join as a site with a one-time token',
    body: z.strictObject({
      site: siteNameSchema,
      secret: z.string().max(100),
      publicKey: publicKeySchema,
      version: versionSchema,
    }),
    answer: z.strictObject({
      site: siteNameSchema,
      coordinatorKey: publicKeySchema,
      version: versionSchema,
      nowMs: z.int(),
    }),
  },
  leave: {
    method: 'POST',
    path: '/v1/site/leave',
    by: 'site',
    summary: 'Leave the network',
    body: empty,
    answer: empty,
  },
  offers: {
    method: 'GET',
    path: '/v1/site/offers',
    by: 'site',
    summary: 'Studies offered to this site, signed',
    answer: z.strictObject({
      offers: z.array(signedSchema.extend({ decision: z.enum(['approved', 'refused']).nullable() })),
    }),
  },
  decide: {
    method: 'POST',
    path: '/v1/site/decisions',
    by: 'site',
    summary: 'The signed grant or refusal of a study',
    body: signedSchema,
    answer: empty,
  },
  nextTask: {
    method: 'GET',
    path: '/v1/site/task',
    by: 'site',
    summary:
      'The next signed task for this site; waits for one up to `wait` seconds. With `hindered` a site says why it cannot go on for now: a request without a body, which it need not write down',
    query: z.strictObject({ wait: waitSeconds, hindered: hindranceSchema.optional() }),
    // Of the tasks that the asker says it is at work on (at-work.ts), those that are open no more.
    answer: nextTask.extend({ closed: z.array(taskIdSchema).min(1).max(mostAtOnce).optional() }),
  },
  blob: {
    method: 'GET',
    path: '/v1/site/blobs/:sha256',
    by: 'site',
    summary: 'A blob of weights; `Range` continues a broken download',
    params: z.strictObject({ sha256: sha256Schema }),
    answer: 'bytes',
  },
  uploadState: {
    method: 'GET',
    path: '/v1/site/tasks/:task/update',
    by: 'site',
    summary: 'How much of the update has arrived',
    params: taskParams,
    answer: z.strictObject({ receivedBytes: z.int().min(0) }),
  },
  upload: {
    method: 'PUT',
    path: '/v1/site/tasks/:task/update',
    by: 'site',
    summary:
      'One piece of the update, from `offset`; the whole of it, `sizeBytes` long, is the result of the task. Sending a piece again changes nothing. With the last piece: waits for the next task up to `wait` seconds',
    params: taskParams,
    query: z.strictObject({
      offset: inQuery(z.int().min(0)),
      sizeBytes: inQuery(blobRefSchema.shape.sizeBytes),
      sha256: sha256Schema,
      wait: waitSeconds,
    }),
    streamed: true,
    answer: nextTask.extend({ receivedBytes: z.int().min(0) }),
  },
  report: {
    method: 'POST',
    path: '/v1/site/tasks/:task/result',
    by: 'site',
    summary:
      'The result of a task, or why there is none; sending it again changes nothing. Waits for the next task up to `wait` seconds',
    params: taskParams,
    query: z.strictObject({ wait: waitSeconds }),
    body: reportSchema,
    answer: nextTask,
  },
  progress: {
    method: 'POST',
    path: '/v1/site/tasks/:task/progress',
    by: 'site',
    summary: 'How far a long task is; volatile',
    params: taskParams,
    body: z.strictObject({ done: z.number().min(0).max(1) }),
    answer: empty,
  },

  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    by: 'account',
    summary: 'A one-time token for a new site',
    body: z.strictObject({
      site: siteNameSchema,
      validForMs: z
        .int()
        .min(1000)
        .max(30 * 86_400_000)
        .default(86_400_000),
    }),
    answer: z.strictObject({ token: z.string(), expiresAt: z.string() }),
  },
  sites: {
    method: 'GET',
    path: '/v1/sites',
    by: 'account',
    summary: 'Every site of the network',
    answer: z.strictObject({ sites: z.array(siteSummarySchema) }),
  },
  removeSite: {
    method: 'DELETE',
    path: '/v1/sites/:site',
    by: 'account',
    summary: 'Remove a site from the network',
    params: z.strictObject({ site: siteNameSchema }),
    answer: empty,
  },
  publish: {
    method: 'POST',
    path: '/v1/studies',
    by: 'account',
    summary: 'Publish a study',
    body: z.strictObject({ plan: z.record(z.string(), z.unknown()) }),
    answer: studySummarySchema,
  },
  giveWeights: {
    method: 'PUT',
    path: '/v1/studies/:study/weights',
    by: 'account',
    summary:
      'One piece of the first weights of a study whose model is from a file, from `offset`; the whole, `sizeBytes` long, is what its plan names. Sending a piece again changes nothing',
    params: studyParams,
    query: z.strictObject({ offset: inQuery(z.int().min(0)), sizeBytes: inQuery(blobRefSchema.shape.sizeBytes) }),
    streamed: true,
    answer: z.strictObject({ receivedBytes: z.int().min(0) }),
  },
  studies: {
    method: 'GET',
    path: '/v1/studies',
    by: 'account',
    summary: 'Every study',
    answer: z.strictObject({ studies: z.array(studySummarySchema) }),
  },
  study: {
    method: 'GET',
    path: '/v1/studies/:study',
    by: 'account',
    summary: 'One study',
    params: studyParams,
    answer: studyDetailSchema,
  },
  start: {
    method: 'POST',
    path: '/v1/studies/:study/start',
    by: 'account',
    summary: 'Start a study with the sites that approved it',
    params: studyParams,
    body: z.strictObject({ sites: z.array(siteNameSchema).optional() }),
    answer: studySummarySchema,
  },
  stop: {
    method: 'POST',
    path: '/v1/studies/:study/stop',
    by: 'account',
    summary: 'Stop after this round and finish with the best so far',
    params: studyParams,
    body: empty,
    answer: studySummarySchema,
  },
  results: {
    method: 'GET',
    path: '/v1/studies/:study/results',
    by: 'account',
    summary: 'The result of an ended study',
    params: studyParams,
    answer: resultsSchema,
  },
  model: {
    method: 'GET',
    path: '/v1/studies/:study/model',
    by: 'account',
    summary:
      'The weights of the best round so far, as safetensors, or the finished model as ONNX: with the preparation of columns, or the network alone, of a study that names a file',
    params: studyParams,
    query: z.strictObject({ format: z.enum(['safetensors', 'onnx', 'network']).default('onnx') }),
    answer: 'bytes',
  },
  exportStudy: {
    method: 'GET',
    path: '/v1/studies/:study/export',
    by: 'account',
    summary: 'All of an ended study as one file, signed',
    params: studyParams,
    answer: 'bytes',
  },
  importStudy: {
    method: 'PUT',
    path: '/v1/imports/:sha256',
    by: 'account',
    summary:
      'One piece of the file of a study, from `offset`; the whole of it is `sizeBytes` long. With the last piece the study is taken in. Sending a piece again changes nothing',
    params: z.strictObject({ sha256: sha256Schema }),
    query: z.strictObject({ offset: inQuery(z.int().min(0)), sizeBytes: inQuery(blobRefSchema.shape.sizeBytes) }),
    streamed: true,
    answer: z.strictObject({ receivedBytes: z.int().min(0), study: studySummarySchema.nullable() }),
  },
  weights: {
    method: 'GET',
    path: '/v1/studies/:study/weights',
    by: 'account',
    summary: 'Which blob holds the best weights',
    params: studyParams,
    answer: z.strictObject({ round: z.int(), weights: blobRefSchema }),
  },
  events: {
    method: 'GET',
    path: '/v1/events',
    by: 'account',
    summary: 'Events after a sequence number; waits for one up to `wait` seconds',
    query: z.strictObject({
      after: inQuery(z.int().min(0)).default(0),
      study: studyIdSchema.optional(),
      wait: waitSeconds,
    }),
    answer: z.strictObject({ events: z.array(eventSchema), sequence: z.int() }),
  },
  eventStream: {
    method: 'GET',
    path: '/v1/events/stream',
    by: 'account',
    summary: 'The same as server-sent events; `Last-Event-ID` goes on from there',
    query: z.strictObject({ after: inQuery(z.int().min(0)).default(0), study: studyIdSchema.optional() }),
    answer: 'events',
  },
  audit: {
    method: 'GET',
    path: '/v1/audit',
    by: 'account',
    summary: 'The hash-chained audit',
    query: z.strictObject({
      after: inQuery(z.int().min(0)).default(0),
      limit: inQuery(z.int().min(1).max(1000)).default(1000),
    }),
    answer: z.strictObject({
      entries: z.array(
        z.strictObject({
          sequence: z.int(),
          at: z.string(),
          kind: z.string(),
          body: z.unknown(),
          previous: sha256Schema,
          hash: sha256Schema,
        }),
      ),
      holds: z.boolean(),
    }),
  },
} as const satisfies Record<string, Route>

export type RouteName = keyof typeof routes
type Part<N extends RouteName, K extends string, D> = (typeof routes)[N] extends {
  readonly [key in K]: infer S extends z.ZodType
}
  ? S
  : D

/** What a caller gives, before defaults are filled in. */
export type RouteInput<N extends RouteName> = {
  params: z.input<Part<N, 'params', z.ZodObject<Record<string, never>>>>
  query: z.input<Part<N, 'query', z.ZodObject<Record<string, never>>>>
  body: z.input<Part<N, 'body', z.ZodUndefined>>
}
/** What a handler receives: parsed, defaults filled in. */
export type RouteRequest<N extends RouteName> = {
  params: z.output<Part<N, 'params', z.ZodObject<Record<string, never>>>>
  query: z.output<Part<N, 'query', z.ZodObject<Record<string, never>>>>
  body: z.output<Part<N, 'body', z.ZodUndefined>>
}
export type RouteAnswer<N extends RouteName> = (typeof routes)[N]['answer'] extends infer A
  ? A extends z.ZodType
    ? z.output<A>
    : A extends 'text'
      ? string
      : never
  : never

/** The error body of every route. Parameters are those that a peer may see. */
export const errorAnswerSchema = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())])),
    /** In English: what happened, why, and what to do. */
    message: z.string(),
    retry: z.enum(['transient', 'ambiguous', 'permanent']),
    requestId: z.string(),
    nowMs: z.int(),
  }),
})

/** `/v1/studies/:study` with its parameters put in. */
export const pathOf = (template: string, params: Record<string, string>): string =>
  template.replace(/:([a-z0-9]+)/gi, (_, name: string) => encodeURIComponent(params[name] ?? ''))
