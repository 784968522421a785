/** A model's figures with their intervals: those that a study asks for, and what there is of one. */
import { type MetricName, metricNames } from '../study/metrics.ts'
import { type Estimate, type Estimates, isFirstMetric, type Statistic } from './schema.ts'
import { summarise } from './summary.ts'

/** What nothing is said of. */
const noEstimate: Estimate = { value: null, low: null, high: null, n: null }
export const noEstimates: Estimates = { accuracy: noEstimate, auroc: noEstimate, brier: noEstimate }

/** One for each figure that a model has; null for the first three where it has none. */
export const estimatesOf = (has: (metric: MetricName) => boolean, of: (metric: MetricName) => Estimate): Estimates => {
  const own = metricNames.filter((metric) => isFirstMetric(metric) || has(metric))
  return { ...noEstimates, ...Object.fromEntries(own.map((metric) => [metric, of(metric)])) }
}

/** Those that were asked for: of the others not even a value. */
export const onlyAsked = (estimates: Estimates, asked: readonly MetricName[]): Estimates =>
  estimatesOf(
    (metric) => estimates[metric] !== undefined && asked.includes(metric),
    (metric) => {
      const estimate = estimates[metric] ?? noEstimate
      return asked.includes(metric) ? estimate : { ...noEstimate, n: estimate.n }
    },
  )

/** Results of versions that did not have the figure yet say it by their statistic, without an interval. */
export function estimateIn(
  estimates: Estimates & { readonly statistic?: Statistic | null },
  metric: MetricName,
): Estimate {
  const { [metric]: known, statistic } = estimates
  if (known !== undefined || statistic === undefined || statistic === null) return known ?? noEstimate
  return { ...noEstimate, value: summarise(statistic)[metric], n: statistic.patients }
}
