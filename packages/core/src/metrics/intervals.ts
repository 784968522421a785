/**
 * Percentile bootstrap over patients (Efron and Tibshirani 1993, section 13.3): patients are drawn with replacement, all records of
 * one together, and the 2.5th and 97.5th percentile of the figure over the resamples are the interval. Two models are compared on the same
 * resamples. A resample with one class has no AUROC, one without an event no concordance; it is left out of its percentiles.
 */

import { type Random, seededRandom } from '../random.ts'
import { concordanceOf } from './concordance.ts'
import { binomial, multinomial } from './multinomial.ts'
import {
  type BinaryStatistic,
  type Estimates,
  type MetricName,
  type MulticlassStatistic,
  noEstimates,
  type ScoreCell,
  type Statistic,
  scoreBins,
} from './schema.ts'
import { requireFinite, type Scored } from './statistic.ts'
import { binnedAuroc, summarise } from './summary.ts'

export const resamples = 1000

type Values = { readonly [metric in keyof Estimates]: number | null }
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
function evaluatorOf(scored: Scored): Evaluator {
  const [scores, targets] = [scored.scores.length, scored.target.length]
  return scores > targets ? classEvaluator(scored) : scores < targets ? timesEvaluator(scored) : evaluator(scored)
}

/** Times and events. Two draws of one record are no pair. */
function timesEvaluator(scored: Scored): Evaluator {
  requireFinite(scored.scores)
  const weigh = concordanceOf(scored)
  return (weight) => {
    const { comparable, concordant } = weigh(weight)
    return { ...none, concordance: comparable === 0 ? null : concordant / comparable }
  }
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
    return { ...none, accuracy: mean(right), brier: mean(squares) }
  }
}

function evaluator({ scores, target }: Scored): Evaluator {
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
      ...none,
      accuracy: share(right),
      auroc: rankedAuroc({ scores, target }, order, weight),
      brier: share(squares),
    }
  }
}

/**
 * Figures of several models on the same records, each with its interval, and each later model's difference to the first.
 * `labels` name the random stream. For classes, and for times. Errors: WR_WEIGHTS_NOT_FINITE for predictions that are not finite.
 */
export function bootstrap(
  models: readonly Scored[],
  labels: readonly (string | number)[],
  replicates = resamples,
): Compared {
  const patients = models[0]?.patients ?? []
  const evaluators = models.map(evaluatorOf)
  const ones = new Float64Array(patients.length).fill(1)
  const observed = evaluators.map((evaluate) => evaluate(ones))
  const draw = patientSampler(patients, seededRandom([...labels, 'bootstrap']))
  const drawn = Array.from({ length: patients.length === 0 ? 0 : replicates }, () => {
    const weight = draw()
    return evaluators.map((evaluate) => evaluate(weight))
  })
  const n = new Set(patients).size
  const estimate = (of: (values: readonly Values[]) => Values): Estimates =>
    estimatesFrom({ observed: of(observed), drawn: drawn.map(of), n })
  return {
    estimates: models.map((_, index) => estimate((values) => values[index] ?? none)),
    differences: models
      .slice(1)
      .map((_, index) => estimate((values) => minus(values[index + 1] ?? none, values[0] ?? none))),
  }
}

/** Values alone, for outcomes that are numbers. All statistics are of the same records. */
export function withoutIntervals(statistics: readonly Statistic[]): Compared {
  const n = statistics[0]?.patients ?? 0
  const values = statistics.map(valuesOf)
  const bare = (observed: Values): Estimates => estimatesFrom({ observed, drawn: [], n })
  return {
    estimates: values.map(bare),
    differences: values.slice(1).map((later) => bare(minus(later, values[0] ?? none))),
  }
}

const none: Values = { accuracy: null, auroc: null, brier: null }
const minus = (a: Values, b: Values): Values =>
  mapValues(a, (name) => {
    const [minuend, subtrahend] = [a[name] ?? null, b[name] ?? null]
    return minuend === null || subtrahend === null ? null : minuend - subtrahend
  })
/** Of the metrics that there are. */
const mapValues = <T>(values: Values, of: (name: MetricName) => T) => ({
  accuracy: of('accuracy'),
  auroc: of('auroc'),
  brier: of('brier'),
  ...(values.concordance === undefined ? {} : { concordance: of('concordance') }),
})

const estimatesFrom = ({ observed, drawn, n }: { observed: Values; drawn: readonly Values[]; n: number }): Estimates =>
  mapValues(observed, (name) => {
    const values = drawn.map((values) => values[name] ?? null).filter((value) => value !== null)
    const value = observed[name] ?? null
    if (value === null || values.length === 0) return { value, low: null, high: null, n }
    return { value, ...percentiles(values), n }
  })

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
 * right. Other figures have no interval.
 */
export function pooledEstimates(
  parts: readonly Statistic[],
  merged: Statistic | null,
  labels: readonly (string | number)[],
): Estimates {
  if (merged === null) return noEstimates
  const observed = valuesOf(merged)
  const binary = parts.filter((part) => part.kind === 'binary')
  // A stream for each: with one for all, hospitals of like counts would move together.
  const draw = binary.map((part, index) => cellSampler(part, seededRandom([...labels, 'pooled bootstrap', index])))
  const drawn =
    binary.length === 0 ? [] : Array.from({ length: resamples }, () => cellValues(draw.flatMap((sample) => sample())))
  const ofClasses = parts.filter((part) => part.kind === 'multiclass')
  return estimatesFrom({
    observed,
    drawn: ofClasses.length > 0 ? accuracies(ofClasses, labels) : drawn,
    n: merged.patients,
  })
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
    return { ...none, accuracy: drawn.reduce((sum, right) => sum + right, 0) / all }
  })
}

const valuesOf = (statistic: Statistic): Values => {
  const { accuracy, auroc, brier, concordance } = summarise(statistic)
  return { accuracy, auroc, brier, ...(statistic.kind === 'survival' ? { concordance } : {}) }
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
  return { ...none, accuracy: right / records, auroc: binnedAuroc(list(0), list(1)), brier: squares / records }
}
