/**
 * What sites and coordinator say to each other before round 1: a survey of each site's *training* records goes up, one
 * preparation comes down that every site applies alike. Counts are of patients; a figure about fewer patients than the
 * minimum cohort is null (hidden), never a small number.
 */
import { z } from 'zod'

const count = z
  .int()
  .min(0)
  .max(2 ** 40)
const hidden = count.nullable()
const finite = z.number()
const name = z.string().min(1).max(63)

export const findingCodes = [
  'missingColumn',
  'notNumber',
  'unknownCategory',
  'outOfRange',
  'allMissing',
  'nothingCounted',
  'mostlyMissing',
  'constant',
  'oneClass',
  'emptySplit',
  'tooFewPatients',
  'duplicateRows',
  'targetMissing',
  'patientMissing',
  'partMissing',
  'partUnknown',
  'partMixed',
  'unitSuspect',
  'imageMissing',
  'imageUnreadable',
  'imageRepeated',
  'imageInTwoParts',
  'maskLevel',
  'maskProportions',
] as const
export type FindingCode = (typeof findingCodes)[number]

/** Something preflight noticed. An error stops the study at this site until it is mended; a warning is shown. */
export const findingSchema = z.strictObject({
  code: z.enum(findingCodes),
  severity: z.enum(['error', 'warning']),
  column: name.optional(),
  /** Records concerned; null where that is fewer than the minimum cohort of patients. */
  count: hidden.optional(),
})
export type Finding = z.output<typeof findingSchema>

/** Bins widened until each holds at least the minimum cohort: `edges` has one more entry than `counts`. */
export const coarseHistogramSchema = z.strictObject({
  edges: z.array(finite).max(257),
  counts: z.array(count).max(256),
})
export type CoarseHistogram = z.output<typeof coarseHistogramSchema>

const numberSurvey = z.strictObject({
  type: z.literal('number'),
  /** Patients with a value; everything else is null when this is. */
  patients: hidden,
  /** Records with a value, their mean, and the sum of squared deviations from it (Chan et al. 1983, eq. 2.1). */
  records: hidden,
  mean: finite.nullable(),
  m2: finite.min(0).nullable(),
  histogram: coarseHistogramSchema.nullable(),
})
const categorySurvey = z.strictObject({
  type: z.literal('category'),
  patients: hidden,
  /** Records of each code; null where fewer patients than the minimum cohort have it. */
  counts: z.record(z.string().max(80), hidden),
})
const level = finite.min(0).max(255)
const imageSurvey = z.strictObject({
  type: z.literal('image'),
  /** Patients with an image; everything else is null when this is. */
  patients: hidden,
  records: hidden,
  /** Of all pixels of each channel, 0 to 255: their mean, and the sum of squared deviations from it. */
  channels: z
    .array(z.strictObject({ mean: level, m2: finite.min(0) }))
    .max(3)
    .nullable(),
})
export const columnSurveySchema = z.discriminatedUnion('type', [numberSurvey, categorySurvey, imageSurvey])
export type ColumnSurvey = z.output<typeof columnSurveySchema>

export const surveySchema = z.strictObject({
  findings: z.array(findingSchema).max(5000),
  /** Patients and records by part of the split. */
  patients: z.strictObject({ training: hidden, validation: hidden, test: hidden }),
  records: z.strictObject({ training: hidden, validation: hidden, test: hidden }),
  columns: z.record(name, columnSurveySchema),
  /** Training patients of each class (`negative`/`positive`, or class codes); empty for a number. */
  target: z.record(z.string().max(80), hidden),
})
export type Survey = z.output<typeof surveySchema>

export const preparedColumnSchema = z.discriminatedUnion('type', [
  z.strictObject({
    name,
    type: z.literal('number'),
    /** Put where a value is missing, in the column's unit. */
    fill: finite,
    /** Of the federation's training records. `per-site` normalisation uses the site's own instead. */
    mean: finite,
    standardDeviation: finite.positive(),
  }),
  z.strictObject({
    name,
    type: z.literal('category'),
    fill: z.string(),
    /** In alphabetical order; the first is the reference and has no input of its own (dummy coding). */
    codes: z.array(z.string()).min(2).max(1000),
  }),
  z.strictObject({
    name,
    type: z.literal('image'),
    /** Channels, height, width. */
    extents: z.tuple([z.int().min(1).max(3), z.int().min(1).max(4096), z.int().min(1).max(4096)]),
    /** Of each channel's pixels, 0 to 255, in the federation's training records. */
    mean: z.array(level).min(1).max(3),
    standardDeviation: z.array(finite.positive()).min(1).max(3),
  }),
])
export type PreparedColumn = z.output<typeof preparedColumnSchema>

/** How every site turns its table into model inputs; fixed before round 1 and hashed into every task. */
export const preparationSchema = z.strictObject({
  /** In alphabetical order of column name, which is the order of model inputs. */
  columns: z.array(preparedColumnSchema).min(1).max(10_000),
  normalise: z.enum(['global', 'per-site']),
  /** Sites whose surveys it was made from, in order of name. */
  contributors: z.array(z.string()).min(1),
})
export type Preparation = z.output<typeof preparationSchema>

export type PreparedImage = Extract<PreparedColumn, { type: 'image' }>

/** Model inputs a prepared column makes: one for a number, one for each code but the first for a category, one a pixel and channel for an image. */
export function widthOf(column: PreparedColumn): number {
  switch (column.type) {
    case 'number':
      return 1
    case 'category':
      return column.codes.length - 1
    case 'image':
      return column.extents.reduce((product, extent) => product * extent, 1)
  }
}

/** The image that the study learns from, if it does. */
export const imageOf = ({ columns }: Pick<Preparation, 'columns'>): PreparedImage | undefined =>
  columns.find((column) => column.type === 'image')

/** The extents of one example, as the model takes it: as encoding.ts planned them. */
export const preparedInputs = (preparation: Preparation): number | readonly number[] =>
  imageOf(preparation)?.extents ?? inputWidth(preparation)

export const inputWidth = (preparation: Preparation): number =>
  preparation.columns.reduce((sum, column) => sum + widthOf(column), 0)
