/** The metrics that a result has, and whether joining changed them. */
import { modelsOf } from '../figures/groups.ts'
import { type Estimate, estimateIn, type MetricName } from '../metrics/schema.ts'
import { summarise } from '../metrics/summary.ts'
import type { Results } from '../protocol/results.ts'
import type { ModelResult } from '../protocol/task.ts'
import type { Verdict } from '../words/en/figures.ts'

const better = { accuracy: 'higher', auroc: 'higher', brier: 'lower', concordance: 'higher' } as const

/** Metrics that have a value anywhere; a hidden one still has its column if another hospital shows it. */
export const knownMetrics = ({ sites, overall }: Pick<Results, 'sites' | 'overall'>): readonly MetricName[] =>
  (Object.keys(better) as MetricName[]).filter((metric) =>
    [...sites, overall].some((models) =>
      modelsOf(models).some(({ result }) => estimateIn(result, metric).value !== null),
    ),
  )

/** A model of numbers has none of the metrics; its mean squared error is in its statistic. */
export const errorOf = ({ statistic }: ModelResult): number | null =>
  statistic === null ? null : summarise(statistic).loss

/**
 * Better or worse only where the paired interval leaves zero out. No verdict where there is no interval: of hidden figures nothing is
 * said, not even that they cannot be told apart.
 */
export function verdictOf(metric: MetricName, { low, high }: Estimate): Verdict | undefined {
  if (low === null || high === null) return undefined
  if (low <= 0 && high >= 0) return 'unclear'
  return low > 0 === (better[metric] === 'higher') ? 'better' : 'worse'
}
