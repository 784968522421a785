/** Metrics as mergeable sufficient statistics, in the form that travels: strict, bounded, and consistent with themselves. */
import { z } from 'zod'

const count = z
  .int()
  .min(0)
  .max(2 ** 40)
const finite = z.number()

/** A figure with its 95 % interval and the patients it is about. null: there is none (one class), or it is hidden. */
export const estimateSchema = z.strictObject({
  value: finite.nullable(),
  low: finite.nullable(),
  high: finite.nullable(),
  n: z.int().min(0).nullable(),
})
export type Estimate = z.output<typeof estimateSchema>

/** Equal bins of predicted probability; 0.5 is an edge. */
export const scoreBins = 200

/** A bin of one label: records in it, the sum of their scores and of their squared errors. */
const cellSchema = z.strictObject({
  bin: z
    .int()
    .min(0)
    .max(scoreBins - 1),
  count: count.min(1),
  scoreSum: finite.min(0),
  squaredErrorSum: finite.min(0),
})
export type ScoreCell = z.output<typeof cellSchema>

const cells = z
  .array(cellSchema)
  .max(scoreBins)
  .refine(
    (list) => list.every((cell, index) => index === 0 || cell.bin > (list[index - 1]?.bin ?? -1)),
    'bins in rising order',
  )
  .refine((list) => list.every(cellHolds), 'sums that fit their bins')

/** A score in bin b lies in [b, b + 1] / bins; a squared error is at most 1. */
function cellHolds({ bin, count: size, scoreSum, squaredErrorSum }: ScoreCell): boolean {
  const slack = 1e-6 * size
  return (
    scoreSum >= (bin / scoreBins) * size - slack &&
    scoreSum <= ((bin + 1) / scoreBins) * size + slack &&
    squaredErrorSum <= size + slack
  )
}

/** Binary: histograms of predicted probability by outcome; only bins with records in them are listed. */
export const binaryStatisticSchema = z.strictObject({
  kind: z.literal('binary'),
  negative: cells,
  positive: cells,
  /** Σ log loss. */
  lossSum: finite.min(0),
  patients: count,
})
export type BinaryStatistic = z.output<typeof binaryStatisticSchema>

/** Several classes: confusion[true][predicted], and sums over records. */
export const multiclassStatisticSchema = z
  .strictObject({
    kind: z.literal('multiclass'),
    confusion: z.array(z.array(count).max(1000)).min(2).max(1000),
    lossSum: finite.min(0),
    /** Σ over records of Σ over classes of squared error (Brier 1950, eq. 2). */
    squaredErrorSum: finite.min(0),
    patients: count,
  })
  .refine(({ confusion }) => confusion.every((row) => row.length === confusion.length), 'a square confusion matrix')
export type MulticlassStatistic = z.output<typeof multiclassStatisticSchema>

/** A number: moments of truth and error. */
export const regressionStatisticSchema = z.strictObject({
  kind: z.literal('regression'),
  records: count,
  squaredErrorSum: finite.min(0),
  absoluteErrorSum: finite.min(0),
  targetSum: finite,
  targetSquareSum: finite.min(0),
  patients: count,
})
export type RegressionStatistic = z.output<typeof regressionStatisticSchema>

export const statisticSchema = z.union([binaryStatisticSchema, multiclassStatisticSchema, regressionStatisticSchema])
export type Statistic = z.output<typeof statisticSchema>
