/** The figures that a result shows, and whether joining changed them. */
import { z } from 'zod'
import { modelsOf } from '../figures/groups.ts'
import { estimateIn } from '../metrics/estimates.ts'
import type { Estimate } from '../metrics/schema.ts'
import type { Results } from '../protocol/results.ts'
import { askedMetrics, isLowerBetter, type MetricName } from '../study/metrics.ts'
import { studySchema } from '../study/study.ts'
import type { Verdict } from '../words/en/figures.ts'

const asking = z.object(studySchema.pick({ training: true, evaluate: true }).shape)

/** What the plan asks for, in the order in which it is read. */
export const askedIn = ({ plan }: Pick<Results, 'plan'>): readonly MetricName[] => askedMetrics(asking.parse(plan))

/**
 * Those that have a value anywhere: a hidden one still has its column if another hospital shows it. Where all are hidden, those that the
 * plan asks for.
 */
export function shownMetrics(results: Pick<Results, 'sites' | 'overall' | 'plan'>): readonly MetricName[] {
  const asked = askedIn(results)
  const models = [...results.sites, results.overall].flatMap(modelsOf)
  const known = asked.filter((metric) => models.some(({ result }) => estimateIn(result, metric).value !== null))
  return known.length === 0 ? asked : known
}

/** As many have their intervals in a terminal, and a figure of their own in the report: there is room for no more. */
export const leadingMetrics = 2

/**
 * Better or worse only where the paired interval leaves zero out. No verdict where there is no interval: of hidden figures nothing is
 * said, not even that they cannot be told apart.
 */
export function verdictOf(metric: MetricName, { low, high }: Estimate): Verdict | undefined {
  if (low === null || high === null) return undefined
  if (low <= 0 && high >= 0) return 'unclear'
  return low > 0 === isLowerBetter(metric) ? 'worse' : 'better'
}
