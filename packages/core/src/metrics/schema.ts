/** Metrics as mergeable sufficient statistics, in the form that travels: strict, bounded, and consistent with themselves. */
import { z } from 'zod'
import { everyMetric, type MetricName, metricNames } from '../study/metrics.ts'

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

type FirstMetric = (typeof everyMetric)[number]
type LaterMetric = Exclude<MetricName, FirstMetric>
export const isFirstMetric = (metric: MetricName): metric is FirstMetric => everyMetric.some((name) => name === metric)

const laterEstimate = estimateSchema.exactOptional()

/** A model's figures. The first three are always there, as in results of every version, and null where a model has none; the others only where it has them. */
export const estimateFields = {
  accuracy: estimateSchema,
  auroc: estimateSchema,
  brier: estimateSchema,
  ...(Object.fromEntries(
    metricNames.filter((metric) => !isFirstMetric(metric)).map((metric) => [metric, laterEstimate]),
  ) as Readonly<Record<LaterMetric, typeof laterEstimate>>),
} as const

const estimatesSchema = z.strictObject(estimateFields)
export type Estimates = Readonly<z.output<typeof estimatesSchema>>

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

const cellsOf = (label: 0 | 1) =>
  z
    .array(cellSchema)
    .max(scoreBins)
    .refine(
      (list) => list.every((cell, index) => index === 0 || cell.bin > (list[index - 1]?.bin ?? -1)),
      'bins in rising order',
    )
    .refine((list) => list.every((cell) => cellHolds(cell, label)), 'sums that fit their bins')

/** Sums of this many records are this close to exact ones, and to the edges of bins. */
const slackOf = (records: number): number => 1e-6 * records
type Range = readonly [low: number, high: number]
const within = (sum: number, [low, high]: Range, records: number): boolean =>
  sum >= low - slackOf(records) && sum <= high + slackOf(records)

/** |score − label| of a score in bin b, which lies in [b, b + 1] / bins. */
const errorRange = (bin: number, label: 0 | 1): Range =>
  label === 0 ? [bin / scoreBins, (bin + 1) / scoreBins] : [1 - (bin + 1) / scoreBins, 1 - bin / scoreBins]

function cellHolds({ bin, count: size, scoreSum, squaredErrorSum }: ScoreCell, label: 0 | 1): boolean {
  const [least, greatest] = errorRange(bin, label)
  return (
    within(scoreSum, [(bin / scoreBins) * size, ((bin + 1) / scoreBins) * size], size) &&
    within(squaredErrorSum, [least ** 2 * size, greatest ** 2 * size], size)
  )
}

/** In the log loss the probability of the truth counts as no less than this, as scikit-learn has it for Float32. */
const leastProbability = 2 ** -23
export const logLossOf = (probability: number): number => -Math.log(Math.max(leastProbability, probability))

type Histograms = { readonly negative: readonly ScoreCell[]; readonly positive: readonly ScoreCell[] }

/** The log loss lies between those of the least and of the greatest errors that the bins allow. */
function lossHolds({ negative, positive, lossSum }: Histograms & { lossSum: number }): boolean {
  let [least, greatest] = [0, 0]
  for (const [label, cells] of [[0, negative] as const, [1, positive] as const])
    for (const { bin, count: size } of cells) {
      const [low, high] = errorRange(bin, label)
      least += size * logLossOf(1 - low)
      greatest += size * logLossOf(1 - high)
    }
  return within(lossSum, [least, greatest], recordsIn({ negative, positive }))
}

const recordsIn = ({ negative, positive }: Histograms): number =>
  [...negative, ...positive].reduce((sum, { count: size }) => sum + size, 0)
const recordsOf = (confusion: readonly (readonly number[])[]): number =>
  confusion.reduce((sum, row) => row.reduce((inner, size) => inner + size, sum), 0)

/** Every patient has a record, and every record a patient. */
const patientsHold = (patients: number, records: number): boolean =>
  patients <= records && (patients > 0 || records === 0)
const patientsProblem = 'no more patients than records'

/** Binary: histograms of predicted probability by outcome; only bins with records in them are listed. */
export const binaryStatisticSchema = z
  .strictObject({
    kind: z.literal('binary'),
    negative: cellsOf(0),
    positive: cellsOf(1),
    /** Σ log loss. */
    lossSum: finite.min(0),
    patients: count,
  })
  .refine(lossHolds, 'a loss that fits the bins')
  .refine((statistic) => patientsHold(statistic.patients, recordsIn(statistic)), patientsProblem)
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
  .refine(({ confusion, lossSum, squaredErrorSum }) => {
    const records = recordsOf(confusion)
    return within(lossSum, [0, logLossOf(0) * records], records) && within(squaredErrorSum, [0, 2 * records], records)
  }, 'sums that fit the records')
  .refine(({ confusion, patients }) => patientsHold(patients, recordsOf(confusion)), patientsProblem)
export type MulticlassStatistic = z.output<typeof multiclassStatisticSchema>

/** Of a difference of two Float32 numbers. Merged sums of such squares are finite. */
const greatestSquare = 2 ** 258
/** (Σx)² ≤ n·Σx² (Cauchy and Schwarz), but for rounding. */
const squareHolds = (sum: number, squareSum: number, records: number): boolean =>
  sum * sum <= records * squareSum * (1 + 1e-6)

/** A number: moments of truth and error. */
export const regressionStatisticSchema = z
  .strictObject({
    kind: z.literal('regression'),
    records: count,
    squaredErrorSum: finite.min(0),
    absoluteErrorSum: finite.min(0),
    targetSum: finite,
    targetSquareSum: finite.min(0),
    patients: count,
  })
  .refine(
    ({ records, ...sums }) =>
      [sums.squaredErrorSum, sums.targetSquareSum].every((sum) => sum <= records * greatestSquare) &&
      squareHolds(sums.absoluteErrorSum, sums.squaredErrorSum, records) &&
      squareHolds(sums.targetSum, sums.targetSquareSum, records),
    'sums that fit the records',
  )
  .refine(({ records, patients }) => patientsHold(patients, records), patientsProblem)
export type RegressionStatistic = z.output<typeof regressionStatisticSchema>

/** Larger than any difference of two Float32 numbers. */
const greatestLoss = 2 ** 130

/** Times until an event: pairs of a hospital's own records, and its own partial likelihood (concordance.ts). */
export const survivalStatisticSchema = z
  .strictObject({
    kind: z.literal('survival'),
    records: count,
    events: count,
    /** Pairs of whom it is known who had the event first, and those of them that were told so; equal predictions count a half. */
    comparablePairs: z
      .int()
      .min(0)
      .max(2 ** 52),
    concordantPairs: finite.min(0),
    /** −Σ log partial likelihood. */
    lossSum: finite.min(0),
    patients: count,
  })
  .refine(
    ({ records, events, comparablePairs, concordantPairs, lossSum }) =>
      events <= records &&
      // Each has an event, and a second record.
      comparablePairs <= events * Math.max(0, records - 1) &&
      concordantPairs <= comparablePairs &&
      Number.isInteger(2 * concordantPairs) &&
      lossSum <= events * greatestLoss,
    'pairs and sums that fit the records',
  )
  .refine(({ records, patients }) => patientsHold(patients, records), patientsProblem)
export type SurvivalStatistic = z.output<typeof survivalStatisticSchema>

/** Of a label: the images in which it is there or marked, and the sums of their overlaps. */
const overlapSumsSchema = z.strictObject({ records: count, diceSum: finite.min(0), iouSum: finite.min(0) }).refine(
  ({ records, diceSum, iouSum }) =>
    within(diceSum, [0, records], records) &&
    // Of an image it is d / (2 − d), which bends upwards: of the mean at the least that of the mean, at the most the mean itself.
    within(iouSum, [records === 0 ? 0 : (records * diceSum) / (2 * records - diceSum), diceSum], records),
  'sums that fit the images',
)

/** Areas that are marked in images (overlap.ts). */
export const segmentationStatisticSchema = z
  .strictObject({
    kind: z.literal('segmentation'),
    records: count,
    /** Σ over the images of the loss. */
    lossSum: finite.min(0),
    /** Each but the background, in order of level. */
    labels: z.array(overlapSumsSchema).min(1).max(255),
    patients: count,
  })
  .refine(
    ({ records, lossSum, labels }) =>
      lossSum <= records * greatestLoss && labels.every((label) => label.records <= records),
    'sums that fit the records',
  )
  .refine(({ records, patients }) => patientsHold(patients, records), patientsProblem)
export type SegmentationStatistic = z.output<typeof segmentationStatisticSchema>

export const statisticSchema = z.union([
  binaryStatisticSchema,
  multiclassStatisticSchema,
  regressionStatisticSchema,
  survivalStatisticSchema,
  segmentationStatisticSchema,
])
export type Statistic = z.output<typeof statisticSchema>
