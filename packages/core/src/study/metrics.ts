/**
 * What a model's predictions are measured by: a row for each figure, in the order in which they are read, the first that an outcome has
 * before the others. Their names for people are in words/en/figures.ts, how they are computed in metrics/summary.ts.
 */
import type { Loss } from './loss.ts'
import { type Outcome, outcomeOf } from './outcome.ts'

type Row = {
  readonly of: readonly Outcome[]
  readonly better: 'higher' | 'lower'
  /** A share is at home between 0 and 1; an amount is in the target's unit, or in its square. */
  readonly form: 'share' | 'amount'
  /** A rule for stopping can go by it: the largest that it can be. It is never below 0. */
  readonly watched?: number
  /** It says nothing that another does not: reported only where a study names it. */
  readonly onlyIfNamed?: true
}

const table = {
  accuracy: { of: ['binary', 'multiclass'], better: 'higher', form: 'share', watched: 1 },
  auroc: { of: ['binary'], better: 'higher', form: 'share', watched: 1 },
  brier: { of: ['binary', 'multiclass'], better: 'lower', form: 'share', watched: 2 },
  meanAbsoluteError: { of: ['regression'], better: 'lower', form: 'amount', watched: Number.MAX_VALUE },
  rootMeanSquaredError: { of: ['regression'], better: 'lower', form: 'amount', watched: Number.MAX_VALUE },
  r2: { of: ['regression'], better: 'higher', form: 'share' },
  meanSquaredError: { of: ['regression'], better: 'lower', form: 'amount', onlyIfNamed: true },
  concordance: { of: ['survival'], better: 'higher', form: 'share', watched: 1 },
  dice: { of: ['segmentation'], better: 'higher', form: 'share', watched: 1 },
  iou: { of: ['segmentation'], better: 'higher', form: 'share', watched: 1 },
} as const satisfies Readonly<Record<string, Row>>

export type MetricName = keyof typeof table
export const metricNames = Object.keys(table) as readonly MetricName[]
const rowOf = (metric: MetricName): Row => table[metric]

/** Of an outcome, all that may be named. */
export const metricsOf = (outcome: Outcome): readonly MetricName[] =>
  metricNames.filter((metric) => rowOf(metric).of.includes(outcome))

type Watched = { [Name in MetricName]: (typeof table)[Name] extends { watched: number } ? Name : never }[MetricName]
/** What a rule for stopping can go by: the loss, which of numbers is the mean squared error, and figures. */
export type StopMetric = 'loss' | Watched
const isWatched = (metric: MetricName): metric is Watched => rowOf(metric).watched !== undefined
export const stopMetrics: readonly StopMetric[] = ['loss', ...metricNames.filter(isWatched)]
export const largestOf = (metric: StopMetric): number => (metric === 'loss' ? Number.MAX_VALUE : table[metric].watched)
export const stopMetricsOf = (outcome: Outcome): readonly StopMetric[] =>
  stopMetrics.filter((metric) => metric === 'loss' || metricsOf(outcome).includes(metric))

export const isLowerBetter = (metric: MetricName | 'loss'): boolean =>
  metric === 'loss' || rowOf(metric).better === 'lower'
export const isAmount = (metric: MetricName): boolean => rowOf(metric).form === 'amount'

/** What a plan says where its study says nothing, as ever since plans of two outcomes were the only ones: every figure of the outcome, whichever it is. */
export const everyMetric = ['accuracy', 'auroc', 'brier'] as const satisfies readonly MetricName[]
const isEvery = (evaluate: readonly MetricName[]): boolean => evaluate.join() === everyMetric.join()

/** Of a study what is not a figure of its outcome, by its place. */
export const unfitMetrics = (evaluate: readonly MetricName[], outcome: Outcome): readonly number[] =>
  isEvery(evaluate)
    ? []
    : [...evaluate.keys()].filter((index) => !metricsOf(outcome).some((name) => name === evaluate[index]))

type Asking = { readonly training: { readonly loss: Loss }; readonly evaluate: readonly MetricName[] }

/** The figures that a study asks for, in the order of the table. */
export function askedMetrics({ training: { loss }, evaluate }: Asking): readonly MetricName[] {
  const known = metricsOf(outcomeOf(loss))
  return isEvery(evaluate)
    ? known.filter((metric) => rowOf(metric).onlyIfNamed !== true)
    : known.filter((metric) => evaluate.includes(metric))
}
