/**
 * A study: the whole of what a hospital approves, as one validated document. docs/study.md explains every field.
 * An unknown field is an error. Whatever is valid here has one canonical form and one hash (plan.ts).
 */
import { z } from 'zod'
import { everyMetric, metricNames, stopMetrics } from './metrics.ts'
import { modelSchema, trainingSchema } from './model.ts'
import { stalenessSchema } from './staleness.ts'
import { strategySchema } from './strategy.ts'

export const studyNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/
const columnName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a letter or _, then letters, digits or _')

const rangeSchema = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, 'the first must be below the second')

const numberColumn = z.strictObject({
  type: z.literal('number'),
  /** UCUM unit, as a person reads it: `a`, `mm[Hg]`, `mg/dL`; `1` where there is none. */
  unit: z.string().min(1).max(40),
  /** Plausible values; others are reported by preflight and treated as missing. */
  range: rangeSchema,
})

const categoryColumn = z.strictObject({
  type: z.literal('category'),
  /** Code in the data → what it means. The order of codes is alphabetical in the encoding. */
  values: z.record(z.string().min(1).max(80), z.string().min(1).max(200)).refine((values) => {
    const count = Object.keys(values).length
    return count >= 2 && count <= 1000
  }, 'two to 1,000 values'),
})

/** Values of one image, at the most: 4096 by 4096 pixels of one channel. */
const largestImage = 2 ** 24
const extent = z.int().min(1).max(4096)

/** What every hospital brings its images to. */
export const imageFormSchema = z.strictObject({
  /** Height and width in pixels. */
  size: z.tuple([extent, extent]),
  /** 1: grey; 3: red, green and blue. */
  channels: z.union([z.literal(1), z.literal(3)]).default(1),
  /** What becomes of other proportions: black is put beside the image, or it is stretched. */
  fit: z.enum(['pad', 'stretch']).default('pad'),
})
export type ImageForm = z.output<typeof imageFormSchema>

const imageColumn = imageFormSchema
  .extend({ type: z.literal('image') })
  .refine(({ size: [height, width], channels }) => height * width * channels <= largestImage, 'a smaller image')

export const columnSchema = z.discriminatedUnion('type', [numberColumn, categoryColumn, imageColumn])
export type ColumnSpec = z.output<typeof columnSchema>
export type ImageColumn = z.output<typeof imageColumn>

const binaryTarget = z.strictObject({
  column: columnName,
  /** When a record is positive: a comparison (`> 0`, `>= 2`, `= 1`, `!= 0`), or one of a list of codes (`in 2 3 4`). */
  positive: z
    .string()
    .regex(/^(?:(?:>|>=|<|<=|=|!=) -?\d+(?:\.\d+)?|in \S+(?: \S+)*)$/, 'like "> 0" or "in yes maybe"'),
})
const classTarget = z.strictObject({
  column: columnName,
  /** Code in the data → what it means; the classes, in alphabetical order of code. */
  classes: z.record(z.string().min(1), z.string().min(1)),
})
const numberTarget = z.strictObject({
  column: columnName,
  unit: z.string().min(1).max(40),
  range: rangeSchema,
})
/** Until when a record was seen, and whether that is when it happened: otherwise it is censored. */
const survivalTarget = z.strictObject({ time: numberTarget, event: binaryTarget })
const isLevel = (text: string): boolean => /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255

/** Level in a mask → what it means; the lowest is the background. */
export const maskLabelsSchema = z
  .record(z.string(), z.string().min(1).max(200))
  .refine((labels) => Object.keys(labels).every(isLevel), 'grey levels from 0 to 255')
  .refine((labels) => Object.keys(labels).length >= 2, 'two levels or more')

/** What each pixel of an image shows: a grey image of the same size says so by its levels. */
const maskTarget = z.strictObject({ column: columnName, mask: maskLabelsSchema })
export const targetSchema = z.union([binaryTarget, classTarget, numberTarget, survivalTarget, maskTarget])
export type TargetSpec = z.output<typeof targetSchema>

const drawnSplit = z.strictObject({
  /** Share of patients that no training ever sees. */
  test: z.number().gt(0).lt(1).default(0.34),
  /** Share of patients, of all, that measure each round and decide when to stop; 0: the training records do. */
  validation: z.number().min(0).lt(1).default(0),
  stratify: z.literal('target').optional(),
})

export type DrawnSplit = z.output<typeof drawnSplit>

/** Parts of a split, as a given one names them. */
export const splitParts = ['training', 'validation', 'test'] as const
export type SplitPart = (typeof splitParts)[number]

const givenSplit = z.strictObject({
  /** The column that says of each record which part it is in. */
  column: columnName,
  /** Whether `validation` is one of the parts. */
  validation: z.boolean().default(false),
})

const dataSchema = z.strictObject({
  /** The column that says whose record it is. Cohorts and splits count patients, not rows. */
  patient: columnName,
  target: targetSchema,
  columns: z.record(columnName, columnSchema),
  missing: z
    .strictObject({
      number: z.enum(['mean', 'median']).default('mean'),
      category: z.enum(['most frequent']).default('most frequent'),
    })
    .prefault({}),
  /** z-scores with the federation's mean and deviation, or with each hospital's own. */
  normalise: z.enum(['global', 'per-site']).default('global'),
  split: z
    .union([drawnSplit, givenSplit])
    .prefault({})
    .refine(
      (split) => 'column' in split || split.test + split.validation < 0.95,
      'test and validation leave too little to train on',
    ),
  /** Nothing is said about fewer patients than this. */
  minimumCohort: z.int().min(1).default(10),
})

const durationPattern = /^(\d+)(ms|s|m|h|d)$/

const roundsSchema = z.strictObject({
  maximum: z.int().min(1).max(10_000),
  stop: z
    .strictObject({
      metric: z.enum(stopMetrics).default('loss'),
      /** Rounds without an improvement before the study stops. */
      patience: z.int().min(1),
      /** The least change that counts as an improvement. */
      minimumChange: z.number().min(0).default(0),
    })
    .optional(),
  /** The fewest hospitals a round may go on with; absent: all of them. */
  quorum: z.int().min(1).optional(),
  /** How long a round waits for the others once it has its quorum, as `30s`, `10m`, `2h`. */
  deadline: z.string().regex(durationPattern, 'like 30s, 10m or 2h').default('10m'),
  /** What becomes of an update that comes after its round: it counts in a later one, for less. Absent: it is dropped. */
  late: stalenessSchema.optional(),
})

export const studySchema = z.strictObject({
  wardround: z.literal(1),
  name: z.string().regex(studyNamePattern, 'lower-case letters, digits and -, at most 63'),
  question: z.string().min(1).max(500),
  data: dataSchema,
  model: modelSchema,
  training: trainingSchema,
  strategy: strategySchema,
  rounds: roundsSchema,
  /** What sites report of a model on their test patients; the default stands for every figure of the outcome (metrics.ts). */
  evaluate: z
    .array(z.enum(metricNames))
    .min(1)
    .default([...everyMetric]),
  /** Every reproducible draw follows from it: splits, first weights, shuffles, dropout, bootstrap. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
})

export type Study = z.output<typeof studySchema>

/** Which records measure each round and decide when to stop. */
export const measuredOn = ({ data: { split } }: Pick<Study, 'data'>): 'validation' | 'training' =>
  ('column' in split ? split.validation : split.validation > 0) ? 'validation' : 'training'

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `10m` → 600,000. The schema has checked the form. */
export function durationMs(text: string): number {
  const [, amount, unit] = durationPattern.exec(text) ?? []
  return Number(amount) * (unitMs[unit ?? ''] ?? Number.NaN)
}
