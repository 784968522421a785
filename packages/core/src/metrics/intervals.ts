/**
 * Percentile bootstrap over patients (Efron and Tibshirani 1993, section 13.3): patients are drawn with replacement, all records of
 * one together, and the 2.5th and 97.5th percentile of the figure over the resamples are the interval. Two models are compared on the same
 * resamples. A resample with one class has no AUROC, one without an event no concordance, one of equal truths no R²; it is left out of its
 * percentiles.
 */

import { type Random, seededRandom } from '../random.ts'
import { type MetricName, metricNames, metricsOf } from '../study/metrics.ts'
import type { Outcome } from '../study/outcome.ts'
import { concordanceOf } from './concordance.ts'
import { estimatesOf, noEstimates } from './estimates.ts'
import { binomial, multinomial } from './multinomial.ts'
import { maskFigures, meanOverlap, overlapSums } from './overlap.ts'
import {
  type BinaryStatistic,
  type Estimates,
  type MulticlassStatistic,
  type RegressionStatistic,
  type ScoreCell,
  type Statistic,
  scoreBins,
} from './schema.ts'
import { requireFinite, type Scored } from './statistic.ts'
import { binnedAuroc, errorValues, noValues, summarise, type Values } from './summary.ts'

export const resamples = 1000

/** Models on the same records: each, and each later one's difference to the first. */
export type Compared = { readonly estimates: readonly Estimates[]; readonly differences: readonly Estimates[] }

/** Exact AUROC of weighted records: ties count a half. `order` sorts the scores upwards. */
function rankedAuroc(
  { scores, target }: Pick<Scored, 'scores' | 'target'>,
  order: Int32Array,
  weight: Float64Array,
): number | null {
  let [negatives, positives, won] = [0, 0, 0]
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start] ?? 0]
    let [tiedNegatives, tiedPositives] = [0, 0]
    let end = start
    for (; end < order.length && scores[order[end] ?? 0] === score; end++) {
      const row = order[end] ?? 0
      if (target[row] === 1) tiedPositives += weight[row] ?? 0
      else tiedNegatives += weight[row] ?? 0
    }
    won += tiedPositives * (negatives + tiedNegatives / 2)
    negatives += tiedNegatives
    positives += tiedPositives
    start = end
  }
  return negatives === 0 || positives === 0 ? null : won / (negatives * positives)
}

/** Exact area under the ROC curve (Hanley and McNeil 1982), null where there is one class. Errors: WR_WEIGHTS_NOT_FINITE. */
export const exactAuroc = (scored: Pick<Scored, 'scores' | 'target'>): number | null =>
  rankedAuroc(scored, ascending(scored.scores), new Float64Array(scored.scores.length).fill(1))

/** Errors: WR_WEIGHTS_NOT_FINITE: NaN has no rank, and no loop over ties would pass it. */
function ascending(scores: Float32Array): Int32Array {
  requireFinite(scores)
  return Int32Array.from(scores.keys()).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b)
}

/** Figures of one model as a function of how often each record counts. */
type Evaluator = (weight: Float64Array) => Values
const evaluators: Readonly<Record<Outcome, (scored: Scored) => Evaluator>> = {
  binary: binaryEvaluator,
  multiclass: classEvaluator,
  regression: errorEvaluator,
  survival: timesEvaluator,
  segmentation: areaEvaluator,
}

/** Times and events. Two draws of one record are no pair. */
function timesEvaluator(scored: Scored): Evaluator {
  requireFinite(scored.scores)
  const weigh = concordanceOf(scored)
  return (weight) => {
    const { comparable, concordant } = weigh(weight)
    return { ...noValues, concordance: comparable === 0 ? null : concordant / comparable }
  }
}

/** Areas in images: how well each is met. */
function areaEvaluator({ scores, patients }: Scored): Evaluator {
  requireFinite(scores)
  const { overlaps } = maskFigures(scores, patients.length)
  return (weight) => ({ ...noValues, ...meanOverlap(overlapSums(overlaps, weight)) })
}

/** Several classes: the most probable is the answer, the first of several that are. */
function classEvaluator({ scores, target }: Scored): Evaluator {
  requireFinite(scores)
  const classes = scores.length / target.length
  const right = new Uint8Array(target.length)
  const squares = new Float64Array(target.length)
  for (const [row, label] of target.entries()) {
    const own = scores.subarray(row * classes, (row + 1) * classes)
    right[row] = own.indexOf(Math.max(...own)) === label ? 1 : 0
    squares[row] = own.reduce((sum, score, index) => sum + (score - (index === label ? 1 : 0)) ** 2, 0)
  }
  return (weight) => {
    const mean = (values: ArrayLike<number>): number | null => {
      let [sum, all] = [0, 0]
      for (let row = 0; row < weight.length; row++) {
        sum += (weight[row] ?? 0) * (values[row] ?? 0)
        all += weight[row] ?? 0
      }
      return all === 0 ? null : sum / all
    }
    return { ...noValues, accuracy: mean(right), brier: mean(squares) }
  }
}

/** Numbers. */
function errorEvaluator({ scores, target }: Scored): Evaluator {
  requireFinite(scores)
  return (weight) => {
    const sums = { records: 0, squaredErrorSum: 0, absoluteErrorSum: 0, targetSum: 0, targetSquareSum: 0 }
    for (let row = 0; row < target.length; row++) {
      const [w, truth] = [weight[row] ?? 0, target[row] ?? 0]
      const error = (scores[row] ?? 0) - truth
      sums.records += w
      sums.squaredErrorSum += w * (error * error)
      sums.absoluteErrorSum += w * Math.abs(error)
      sums.targetSum += w * truth
      sums.targetSquareSum += w * (truth * truth)
    }
    return { ...noValues, ...errorValues(sums) }
  }
}

function binaryEvaluator({ scores, target }: Scored): Evaluator {
  const order = ascending(scores)
  return (weight) => {
    let [sum, right, squares] = [0, 0, 0]
    for (let row = 0; row < target.length; row++) {
      const [w, score, label] = [weight[row] ?? 0, scores[row] ?? 0, target[row] ?? 0]
      sum += w
      if (score >= 0.5 === (label === 1)) right += w
      squares += w * (score - label) ** 2
    }
    const share = (part: number): number | null => (sum === 0 ? null : part / sum)
    return {
      ...noValues,
      accuracy: share(right),
      auroc: rankedAuroc({ scores, target }, order, weight),
      brier: share(squares),
    }
  }
}

/**
 * Figures of several models on the same records, each with its interval, and each later model's difference to the first.
 * `labels` name the random stream. Errors: WR_WEIGHTS_NOT_FINITE for predictions that are not finite.
 */
export function bootstrap(
  models: readonly Scored[],
  labels: readonly (string | number)[],
  { outcome, replicates = resamples }: { readonly outcome: Outcome; readonly replicates?: number },
): Compared {
  const patients = models[0]?.patients ?? []
  const ofModels = models.map(evaluators[outcome])
  const ones = new Float64Array(patients.length).fill(1)
  const observed = ofModels.map((evaluate) => evaluate(ones))
  const draw = patientSampler(patients, seededRandom([...labels, 'bootstrap']))
  const drawn = Array.from({ length: patients.length === 0 ? 0 : replicates }, () => {
    const weight = draw()
    return ofModels.map((evaluate) => evaluate(weight))
  })
  const n = new Set(patients).size
  const estimate = (of: (values: readonly Values[]) => Values): Estimates =>
    estimatesFrom(outcome, { observed: of(observed), drawn: drawn.map(of), n })
  return {
    estimates: models.map((_, index) => estimate((values) => values[index] ?? noValues)),
    differences: models
      .slice(1)
      .map((_, index) => estimate((values) => minus(values[index + 1] ?? noValues, values[0] ?? noValues))),
  }
}

const minus = (a: Values, b: Values): Values =>
  mapValues((name) => {
    const [minuend, subtrahend] = [a[name], b[name]]
    return minuend === null || subtrahend === null ? null : minuend - subtrahend
  })
const mapValues = (of: (name: MetricName) => number | null): Values =>
  Object.fromEntries(metricNames.map((name) => [name, of(name)])) as Values

type Drawn = { readonly observed: Values; readonly drawn: readonly Values[]; readonly n: number }

/** Of every figure that the outcome has. */
const estimatesFrom = (outcome: Outcome, { observed, drawn, n }: Drawn): Estimates =>
  estimatesOf(
    (name) => metricsOf(outcome).includes(name),
    (name) => {
      const values = drawn.map((values) => values[name]).filter((value) => value !== null)
      const value = observed[name]
      if (value === null || values.length === 0) return { value, low: null, high: null, n }
      return { value, ...percentiles(values), n }
    },
  )

/** The 2.5th and 97.5th percentile, with linear interpolation (Hyndman and Fan 1996, type 7: NumPy's default). */
export function percentiles(values: readonly number[]): { low: number; high: number } {
  const ordered = Float64Array.from(values).sort()
  const at = (share: number): number => {
    const place = share * (ordered.length - 1)
    const below = Math.floor(place)
    const [left, right] = [ordered[below] ?? 0, ordered[Math.min(below + 1, ordered.length - 1)] ?? 0]
    return left + (right - left) * (place - below)
  }
  return { low: at(0.025), high: at(0.975) }
}

/** How often each record counts when patients are drawn with replacement. The array is reused from draw to draw. */
function patientSampler(patients: readonly string[], random: Random): () => Float64Array {
  const indices = new Map<string, number>()
  const owner = Int32Array.from(patients, (patient) => {
    const index = indices.get(patient) ?? indices.size
    indices.set(patient, index)
    return index
  })
  const times = new Float64Array(indices.size)
  const weight = new Float64Array(patients.length)
  return () => {
    times.fill(0)
    for (let i = 0; i < times.length; i++) {
      const chosen = random.below(times.length)
      times[chosen] = (times[chosen] ?? 0) + 1
    }
    for (let row = 0; row < weight.length; row++) weight[row] = times[owner[row] ?? 0] ?? 0
    return weight
  }
}

/**
 * Figures of several sites together, from their statistics alone. For binary outcomes the interval comes from resampling each
 * site's histogram cells (the bootstrap of binned scores, one record a patient); for several classes that of accuracy from resampling who was told
 * right; of numbers that of the mean absolute error from its own deviation. Other figures have no interval.
 */
export function pooledEstimates(
  parts: readonly Statistic[],
  merged: Statistic | null,
  labels: readonly (string | number)[],
): Estimates {
  if (merged === null) return noEstimates
  const drawn = drawnTogether(parts, labels)
  const estimates = estimatesFrom(merged.kind, { observed: summarise(merged), drawn, n: merged.patients })
  const { meanAbsoluteError } = estimates
  return meanAbsoluteError === undefined
    ? estimates
    : { ...estimates, meanAbsoluteError: { ...meanAbsoluteError, ...absoluteErrorBounds(parts) } }
}

/** Resamples of all sites, where their statistics can be drawn from. */
function drawnTogether(parts: readonly Statistic[], labels: readonly (string | number)[]): readonly Values[] {
  const binary = parts.filter((part) => part.kind === 'binary')
  const classes = parts.filter((part) => part.kind === 'multiclass')
  if (binary.length === 0) return classes.length === 0 ? [] : accuracies(classes, labels)
  // A stream for each: with one for all, hospitals of like counts would move together.
  const draw = binary.map((part, index) => cellSampler(part, seededRandom([...labels, 'pooled bootstrap', index])))
  return Array.from({ length: resamples }, () => cellValues(draw.flatMap((sample) => sample())))
}

/** The 97.5th percentile of a standard normal. */
const normal975 = 1.959963984540054

/**
 * The interval that a bootstrap of the records of each site tends to: their absolute errors have the mean Σ|e| / n and the variance
 * Σe² / n − (Σ|e| / n)², and a mean of many is normal.
 */
function absoluteErrorBounds(parts: readonly Statistic[]): { low: number | null; high: number | null } {
  const numbers = parts.filter((part): part is RegressionStatistic => part.kind === 'regression' && part.records > 0)
  const total = (of: (part: RegressionStatistic) => number): number => numbers.reduce((sum, part) => sum + of(part), 0)
  const records = total((part) => part.records)
  if (records === 0) return { low: null, high: null }
  const mean = total(({ absoluteErrorSum }) => absoluteErrorSum) / records
  const squares = total(({ records: own, squaredErrorSum, absoluteErrorSum }) =>
    Math.max(0, squaredErrorSum - absoluteErrorSum ** 2 / own),
  )
  const reach = (normal975 * Math.sqrt(squares)) / records
  return { low: Math.max(0, mean - reach), high: mean + reach }
}

/** Resampled records of each site: its own share of them told right. */
function accuracies(parts: readonly MulticlassStatistic[], labels: readonly (string | number)[]): readonly Values[] {
  const counts = parts.map(({ confusion }) => {
    const records = confusion.flat().reduce((sum, count) => sum + count, 0)
    const right = confusion.reduce((sum, row, label) => sum + (row[label] ?? 0), 0)
    return { records, right }
  })
  const streams = parts.map((_, index) => seededRandom([...labels, 'pooled bootstrap', index]))
  const all = counts.reduce((sum, { records }) => sum + records, 0)
  if (all === 0) return []
  return Array.from({ length: resamples }, () => {
    const drawn = counts.map(({ records, right }, index) => {
      const random = streams[index]
      return random === undefined || records === 0 ? 0 : binomial(records, right / records, random)
    })
    return { ...noValues, accuracy: drawn.reduce((sum, right) => sum + right, 0) / all }
  })
}

type DrawnCell = { label: 0 | 1; bin: number; count: number; meanSquaredError: number }

/** Draws as many records as a site has, with replacement, from its cells. */
function cellSampler(part: BinaryStatistic, random: Random): () => DrawnCell[] {
  const cells = ([0, 1] as const).flatMap((label) =>
    (label === 1 ? part.positive : part.negative).map((cell) => ({
      label,
      bin: cell.bin,
      count: cell.count,
      meanSquaredError: cell.squaredErrorSum / cell.count,
    })),
  )
  const sizes = cells.map(({ count }) => count)
  return () => {
    const counts = multinomial(sizes, random)
    return cells.map((cell, index) => ({ ...cell, count: counts[index] ?? 0 })).filter(({ count }) => count > 0)
  }
}

function cellValues(cells: readonly DrawnCell[]): Values {
  const merged: [Map<number, number>, Map<number, number>] = [new Map(), new Map()]
  let [records, right, squares] = [0, 0, 0]
  for (const { label, bin, count, meanSquaredError } of cells) {
    merged[label].set(bin, (merged[label].get(bin) ?? 0) + count)
    records += count
    if (bin >= scoreBins / 2 === (label === 1)) right += count
    squares += meanSquaredError * count
  }
  const list = (label: 0 | 1): Pick<ScoreCell, 'bin' | 'count'>[] =>
    [...merged[label]].map(([bin, count]) => ({ bin, count }))
  return { ...noValues, accuracy: right / records, auroc: binnedAuroc(list(0), list(1)), brier: squares / records }
}
