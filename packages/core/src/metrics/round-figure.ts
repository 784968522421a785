/**
 * What a site says of a round: one sum, of the one figure that the stop rule watches. Histograms would say more than the rule needs, and
 * round after round they could point to single patients; they are sent once, at the end.
 */
import { z } from 'zod'
import type { Loss } from '../study/loss.ts'
import { largestOf, type StopMetric, stopMetrics } from '../study/metrics.ts'
import { exactAuroc } from './intervals.ts'
import { type Scored, statisticOf } from './statistic.ts'
import { summarise } from './summary.ts'

export const roundFigureSchema = z
  .strictObject({
    metric: z.enum(stopMetrics),
    /** Records measured, and the patients they belong to. */
    records: z
      .int()
      .min(1)
      .max(2 ** 40),
    patients: z
      .int()
      .min(1)
      .max(2 ** 40),
    /** The figure, times the records: Σ loss, how many right, Σ |error|; and of those that are no means over records as well. */
    sum: z.number().min(0),
  })
  .refine(({ records, patients }) => patients <= records, 'no more patients than records')
  .refine(
    ({ metric, records, sum }) => sum / records <= largestOf(metric) * (1 + 1e-9),
    'a mean that the figure can have',
  )
export type RoundFigure = z.output<typeof roundFigureSchema>

/** null where there is no such figure (one class has no AUROC, images without an area no Dice). */
export function roundFigure(metric: StopMetric, loss: Loss, scored: Scored): RoundFigure | null {
  const statistic = statisticOf(loss, scored)
  const { records, ...figures } = summarise(statistic)
  const value = metric === 'auroc' ? exactAuroc(scored) : figures[metric]
  return value === null || records === 0
    ? null
    : { metric, records, patients: statistic.patients, sum: value * records }
}

/**
 * All sites together, summed in the order given: the figure over all records; of those that do not add up (AUROC, concordance, Dice, intersection over union, the root of the
 * mean squared error) the mean of the sites' own, weighted by their records.
 */
export function mergeRoundFigures(parts: readonly RoundFigure[]): { value: number; patients: number } | null {
  const records = parts.reduce((total, part) => total + part.records, 0)
  if (records === 0) return null
  return {
    value: parts.reduce((total, part) => total + part.sum, 0) / records,
    patients: parts.reduce((total, part) => total + part.patients, 0),
  }
}
