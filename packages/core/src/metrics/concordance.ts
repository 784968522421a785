/**
 * How well log-hazards tell who has an event sooner. Concordance: Harrell, Califf, Pryor, Lee and Rosati 1982, "Evaluating the Yield of Medical Tests"; ties in time as in R's
 * `survival::concordance` and in lifelines. The partial likelihood: Cox 1972, with Efron's treatment of ties (1977).
 */

/** Predictions with what became of the records. */
export type ScoredTimes = {
  /** [rows]: log-hazards, the higher the sooner. */
  readonly scores: ArrayLike<number>
  /** [rows, 2], row-major: a time, and 1 for an event or 0 for the end of observation. */
  readonly target: ArrayLike<number>
}

/** Pairs of records, or of weighted ones the sums of the pairs' products of weights. */
export type Concordance = {
  /** Of whom it is known who had the event first. */
  readonly comparable: number
  /** Those of them whose first had the higher score; equal scores count a half. */
  readonly concordant: number
}

export type Weigh = (weights?: ArrayLike<number>) => Concordance

/**
 * A pair is comparable if the one with the shorter time had the event; at equal times, if just one of them had it, who then came first. Everything is sorted once, for however many
 * weights [rows] are asked for: a record drawn twice weighs 2, and is no pair with itself.
 */
export function concordanceOf({ scores, target }: ScoredTimes): Weigh {
  const ranks = ranksOf(scores)
  const groups = byTime(target)
  return (weights) => {
    const weightOf = (row: number): number => weights?.[row] ?? 1
    const later = sumsByRank(scores.length)
    let [comparable, concordant] = [0, 0]
    for (const { events, censored } of groups) {
      for (const row of censored) later.add(ranks[row] ?? 0, weightOf(row))
      for (const row of events) {
        const rank = ranks[row] ?? 0
        const [below, upTo] = [later.below(rank), later.below(rank + 1)]
        comparable += weightOf(row) * later.below(scores.length)
        concordant += weightOf(row) * ((below + upTo) / 2)
      }
      for (const row of events) later.add(ranks[row] ?? 0, weightOf(row))
    }
    return { comparable, concordant }
  }
}

/** Of all records together: −Σ over the events of the logarithm of their share, and how many events there are. */
export function partialLikelihood({ scores, target }: ScoredTimes): {
  readonly lossSum: number
  readonly events: number
} {
  let [lossSum, count] = [0, 0]
  // Of those at risk: the largest score, and the sum of all hazards as shares of its own.
  let [largest, atRisk] = [Number.NEGATIVE_INFINITY, 0]
  const scoreOf = (row: number): number => scores[row] ?? Number.NaN
  for (const { events, censored } of byTime(target)) {
    const before = largest
    for (const row of [...events, ...censored]) largest = Math.max(largest, scoreOf(row))
    const hazards = (rows: readonly number[]): number =>
      rows.reduce((sum, row) => sum + Math.exp(scoreOf(row) - largest), 0)
    atRisk = (atRisk === 0 ? 0 : atRisk * Math.exp(before - largest)) + hazards(censored)
    const tied = hazards(events)
    // Nothing is subtracted from a sum that it may equal.
    for (const [place, row] of events.entries())
      lossSum += largest + Math.log(atRisk + (1 - place / events.length) * tied) - scoreOf(row)
    atRisk += tied
    count += events.length
  }
  return { lossSum, events: count }
}

/** Rows of one time. */
type Moment = { readonly events: readonly number[]; readonly censored: readonly number[] }

/** From the last time to the first. */
function byTime(target: ArrayLike<number>): readonly Moment[] {
  const timeOf = (row: number): number => target[2 * row] ?? Number.NaN
  const hasEvent = (row: number): boolean => target[2 * row + 1] === 1
  const order = Array.from({ length: target.length / 2 }, (_, row) => row).toSorted((a, b) => timeOf(b) - timeOf(a))
  return [...Map.groupBy(order, timeOf).values()].map((rows) => ({
    events: rows.filter(hasEvent),
    censored: rows.filter((row) => !hasEvent(row)),
  }))
}

/** Each row's place among the scores, from 0; equal ones have the same. */
function ranksOf(scores: ArrayLike<number>): Int32Array {
  const scoreOf = (row: number): number => scores[row] ?? Number.NaN
  const order = Array.from({ length: scores.length }, (_, row) => row).toSorted((a, b) => scoreOf(a) - scoreOf(b))
  const ranks = new Int32Array(scores.length)
  for (const [place, row] of order.entries()) {
    const previous = order[place - 1]
    ranks[row] = previous !== undefined && scoreOf(previous) === scoreOf(row) ? (ranks[previous] ?? 0) : place
  }
  return ranks
}

/** Sums over ranks, each addition and each question in the logarithm of how many there are (Fenwick 1994). */
function sumsByRank(size: number) {
  const tree = new Float64Array(size + 1)
  return {
    add(rank: number, value: number): void {
      for (let at = rank + 1; at <= size; at += at & -at) tree[at] = (tree[at] ?? 0) + value
    },
    /** Of all ranks below it. */
    below(rank: number): number {
      let sum = 0
      for (let at = rank; at > 0; at -= at & -at) sum += tree[at] ?? 0
      return sum
    },
  }
}
