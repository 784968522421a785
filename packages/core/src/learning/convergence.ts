/** When rounds end, and which of them was the best. */
import { isLowerBetter, type StopMetric } from '../study/metrics.ts'

export type MetricPoint = {
  readonly round: number /** null where hidden or abandoned: no improvement. */
  readonly value: number | null
}

export type StopRule = {
  readonly metric: StopMetric
  readonly patience: number
  readonly minimumChange: number
}

export type Verdict = { readonly bestRound: number; readonly stop?: 'converged' | 'maximum rounds' }

/**
 * A round is better than the best so far if its metric is better by more than `minimumChange`. After `patience` rounds in a
 * row that are not, training has converged. Without a rule it goes on to the maximum, and the last round counts as best.
 */
export function judge(history: readonly MetricPoint[], rule: StopRule | undefined, maximum: number): Verdict {
  const last = history.at(-1)?.round ?? 0
  const full = last >= maximum ? { stop: 'maximum rounds' as const } : {}
  if (rule === undefined) return { bestRound: last, ...full }
  const direction = isLowerBetter(rule.metric) ? -1 : 1
  let best: { round: number; score: number } | undefined
  for (const { round, value } of history) {
    if (value === null || !Number.isFinite(value)) continue
    const score = value * direction
    if (best === undefined || score > best.score + rule.minimumChange) best = { round, score }
  }
  const bestRound = best?.round ?? last
  return last - (best?.round ?? 0) >= rule.patience && last > 0
    ? { bestRound, stop: 'converged' }
    : { bestRound, ...full }
}
