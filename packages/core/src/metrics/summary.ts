/** From statistics to the figures that people read. */
import { type MetricName, metricNames } from '../study/metrics.ts'
import { meanOverlap } from './overlap.ts'
import {
  type BinaryStatistic,
  type MulticlassStatistic,
  type RegressionStatistic,
  type ScoreCell,
  type SegmentationStatistic,
  type Statistic,
  type SurvivalStatistic,
  scoreBins,
} from './schema.ts'

/** A value for each figure of the table; null where an outcome has no such figure, or these records have none. */
export type Values = Readonly<Record<MetricName, number | null>>
export const noValues = Object.fromEntries(metricNames.map((metric) => [metric, null])) as Values

/**
 * `auroc` is from bins of probability: at most half the pairs within a bin away from the exact figure. `concordance` is, of the pairs of a
 * hospital's records of whom it is known who had the event first, the share that was told so (Harrell et al. 1982).
 */
export type Figures = Values & {
  /** Records. */
  readonly records: number
  /** Mean log loss; of a number the mean squared error; of times the negative log partial likelihood by records; of masks the mean of what training makes small. */
  readonly loss: number | null
}

export type RocPoint = { readonly falsePositiveRate: number; readonly truePositiveRate: number }
export type CalibrationPoint = { readonly predicted: number; readonly observed: number; readonly n: number }

export function summarise(statistic: Statistic): Figures {
  switch (statistic.kind) {
    case 'binary':
      return binaryFigures(statistic)
    case 'multiclass':
      return multiclassFigures(statistic)
    case 'regression':
      return regressionFigures(statistic)
    case 'survival':
      return survivalFigures(statistic)
    case 'segmentation':
      return segmentationFigures(statistic)
  }
}

const total = (cells: readonly ScoreCell[], of: (cell: ScoreCell) => number): number =>
  cells.reduce((sum, cell) => sum + of(cell), 0)
const countOf = (cells: readonly ScoreCell[]): number => total(cells, ({ count }) => count)
const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

function binaryFigures({ negative, positive, lossSum }: BinaryStatistic): Figures {
  const records = countOf(negative) + countOf(positive)
  const half = scoreBins / 2
  const right = countOf(negative.filter(({ bin }) => bin < half)) + countOf(positive.filter(({ bin }) => bin >= half))
  const squares =
    total(negative, ({ squaredErrorSum }) => squaredErrorSum) +
    total(positive, ({ squaredErrorSum }) => squaredErrorSum)
  return {
    ...noValues,
    records,
    loss: ratio(lossSum, records),
    accuracy: ratio(right, records),
    auroc: binnedAuroc(negative, positive),
    brier: ratio(squares, records),
  }
}

/** P(score of a positive > score of a negative), pairs in one bin counting a half (Hanley and McNeil 1982). */
export function binnedAuroc(
  negative: readonly Pick<ScoreCell, 'bin' | 'count'>[],
  positive: readonly Pick<ScoreCell, 'bin' | 'count'>[],
): number | null {
  const below = new Float64Array(scoreBins + 1)
  for (const { bin, count } of negative) below[bin + 1] = count
  for (let bin = 0; bin < scoreBins; bin++) below[bin + 1] = (below[bin + 1] ?? 0) + (below[bin] ?? 0)
  let won = 0
  let positives = 0
  for (const { bin, count } of positive) {
    won += (count * ((below[bin] ?? 0) + (below[bin + 1] ?? 0))) / 2
    positives += count
  }
  return ratio(won, positives * (below[scoreBins] ?? 0))
}

function multiclassFigures({ confusion, lossSum, squaredErrorSum }: MulticlassStatistic): Figures {
  const records = confusion.flat().reduce((sum, count) => sum + count, 0)
  const right = confusion.reduce((sum, row, label) => sum + (row[label] ?? 0), 0)
  return {
    ...noValues,
    records,
    loss: ratio(lossSum, records),
    accuracy: ratio(right, records),
    brier: ratio(squaredErrorSum, records),
  }
}

const regressionFigures = (statistic: RegressionStatistic): Figures => {
  const values = errorValues(statistic)
  return { ...noValues, ...values, records: statistic.records, loss: values.meanSquaredError }
}

type ErrorSums = Pick<
  RegressionStatistic,
  'records' | 'squaredErrorSum' | 'absoluteErrorSum' | 'targetSum' | 'targetSquareSum'
>

/** The least of the truths' squares that is a spread, and not what is left by rounding of equal ones. */
const leastSpread = 1e-12

/** R² = 1 − Σe² / Σ(y − ȳ)²; null where all truths are alike. */
export function errorValues({ records, squaredErrorSum, absoluteErrorSum, targetSum, targetSquareSum }: ErrorSums) {
  const meanSquaredError = ratio(squaredErrorSum, records)
  const spread = targetSquareSum - targetSum ** 2 / records
  const r2 = spread > leastSpread * targetSquareSum ? 1 - squaredErrorSum / spread : Number.NaN
  return {
    meanAbsoluteError: ratio(absoluteErrorSum, records),
    rootMeanSquaredError: meanSquaredError === null ? null : Math.sqrt(meanSquaredError),
    r2: Number.isFinite(r2) ? r2 : null,
    meanSquaredError,
  }
}

const survivalFigures = ({
  records,
  events,
  lossSum,
  comparablePairs,
  concordantPairs,
}: SurvivalStatistic): Figures => ({
  ...noValues,
  records,
  // By records, as in training: hospitals' losses are summed by their records. Without an event it says nothing.
  loss: events === 0 ? null : ratio(lossSum, records),
  concordance: ratio(concordantPairs, comparablePairs),
})

const segmentationFigures = ({ records, lossSum, labels }: SegmentationStatistic): Figures => ({
  ...noValues,
  records,
  loss: ratio(lossSum, records),
  ...meanOverlap(labels),
})

/** The ROC curve from (0, 0) to (1, 1), one point a bin edge, from the highest threshold down. */
export function rocPoints({ negative, positive }: Pick<BinaryStatistic, 'negative' | 'positive'>): RocPoint[] {
  const [negatives, positives] = [countOf(negative), countOf(positive)]
  if (negatives === 0 || positives === 0) return []
  const byBin = (cells: readonly ScoreCell[]) => new Map(cells.map(({ bin, count }) => [bin, count]))
  const [falses, trues] = [byBin(negative), byBin(positive)]
  const bins = [...new Set([...falses.keys(), ...trues.keys()])].toSorted((a, b) => b - a)
  const points: RocPoint[] = [{ falsePositiveRate: 0, truePositiveRate: 0 }]
  let [f, t] = [0, 0]
  for (const bin of bins) {
    f += falses.get(bin) ?? 0
    t += trues.get(bin) ?? 0
    points.push({ falsePositiveRate: f / negatives, truePositiveRate: t / positives })
  }
  return points
}

/** Mean prediction against observed share in `groups` equal ranges of probability; empty ranges are left out. */
export function calibrationPoints(
  { negative, positive }: Pick<BinaryStatistic, 'negative' | 'positive'>,
  groups = 10,
): CalibrationPoint[] {
  const perGroup = scoreBins / groups
  return Array.from({ length: groups }, (_, group) => {
    const inside = ({ bin }: ScoreCell): boolean => Math.floor(bin / perGroup) === group
    const [no, yes] = [negative.filter(inside), positive.filter(inside)]
    const n = countOf(no) + countOf(yes)
    const scoreSum = total([...no, ...yes], (cell) => cell.scoreSum)
    return { predicted: scoreSum / n, observed: countOf(yes) / n, n }
  }).filter(({ n }) => n > 0)
}
