/** From many updates to one. Sums are Float64, in the order given, which process.ts makes the order of site names. */
import { sortedRows, type UseRows } from '../sorted-rows.ts'
import { divide } from '../step-sum.ts'
import { squareSum } from '../vector.ts'
import { addTerms } from '../weighted-sum.ts'
import type { Aggregator, Making, SumRule } from './process.ts'

/** Δ = Σ nᵢ·Δᵢ / Σ nᵢ (McMahan et al. 2017, Algorithm 1, on differences instead of weights). */
export const weightedMean = (): Aggregator & SumRule =>
  meanOf('weightedMean', (makings) => makings.map(({ numExamples }) => numExamples))

/** Δ = Σ Δᵢ / K: each update alike, however many examples it claims. */
export const plainMean = (): Aggregator & SumRule => meanOf('plainMean', (makings) => makings.map(() => 1))

/** The exact sum, divided once. */
const meanOf = (name: string, sizesOf: (makings: readonly Making[]) => number[]): Aggregator & SumRule => ({
  name,
  init: () => ({}),
  coefficients: ({ makings }) => [sizesOf(makings)],
  finish([result = new Float64Array()], state, { makings }) {
    const total = sizesOf(makings).reduce((sum, size) => sum + size, 0)
    return { state, result, measurements: { aggregateSquareSum: divide(result, total) } }
  },
})

/** The median of each coordinate; of an even number the mean of the middle two (Yin et al. 2018, Definition 1). */
export const coordinateMedian = (): Aggregator =>
  coordinateWise('coordinateMedian', (deltas, result) => {
    const middle = deltas.length >> 1
    const odd = deltas.length % 2
    const use: UseRows = ([low, high = low], start) => {
      if (low === undefined || high === undefined) return
      for (let i = 0; i < low.length; i++)
        result[start + i] = odd === 1 ? (low[i] ?? 0) : ((low[i] ?? 0) + (high[i] ?? 0)) / 2
    }
    sortedRows(deltas, { ranks: { from: middle - 1 + odd, to: middle + 1 }, use })
    return squareSum(result)
  })

/** How many of `sites` values are left out on either side: ⌊β·m⌋, and always fewer than half. */
export const trimmedOf = (beta: number, sites: number): number => Math.min(Math.floor(beta * sites), (sites - 1) >> 1)

/** The mean of each coordinate without its ⌊β·m⌋ largest and smallest values (Yin et al. 2018, Definition 2). Summed from the smallest on. */
export const trimmedMeanOf = (beta: number): Aggregator =>
  coordinateWise('trimmedMean', (deltas, result) => {
    const from = trimmedOf(beta, deltas.length)
    const ranks = { from, to: deltas.length - from }
    const use: UseRows = (rows, start) =>
      addTerms(
        rows.map((vector) => ({ coefficient: 1, vector })),
        result.subarray(start, start + (rows[0]?.length ?? 0)),
      )
    sortedRows(deltas, { ranks, use })
    return divide(result, ranks.to - ranks.from)
  })

/** Each coordinate by itself, every site alike: how many examples a site claims is its own word. `rule` fills the result, at first 0, and gives its sum of squares. */
const coordinateWise = (
  name: string,
  rule: (deltas: readonly Float32Array[], result: Float64Array<ArrayBuffer>) => number,
): Aggregator => ({
  name,
  init: () => ({}),
  aggregate(deltas, state) {
    const result = new Float64Array(deltas[0]?.length ?? 0)
    const aggregateSquareSum = rule(deltas, result)
    return { state, result, measurements: { aggregateSquareSum } }
  },
})
