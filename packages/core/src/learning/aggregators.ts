/** From many updates to one. Sums are Float64, in the order given, which process.ts makes the order of site names. */
import { divide } from '../step-sum.ts'
import { squareSum } from '../vector.ts'
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

/** What a robust rule makes of one coordinate: `sorted` has it of every update, the smallest first. */
type Rule = (sorted: Float64Array) => number

/** Each coordinate by itself, every site alike: how many examples a site claims is its own word. */
const coordinateWise = (name: string, rule: Rule): Aggregator => ({
  name,
  init: () => ({}),
  aggregate(deltas, state) {
    const result = new Float64Array(deltas[0]?.length ?? 0)
    const column = new Float64Array(deltas.length)
    for (let i = 0; i < result.length; i++) {
      for (let site = 0; site < column.length; site++) column[site] = deltas[site]?.[i] ?? 0
      result[i] = rule(column.sort())
    }
    return { state, result, measurements: { aggregateSquareSum: squareSum(result) } }
  },
})

/** The median of each coordinate; of an even number the mean of the middle two (Yin et al. 2018, Definition 1). */
export const coordinateMedian = (): Aggregator =>
  coordinateWise('coordinateMedian', (sorted) => {
    const middle = sorted.length >> 1
    const high = sorted[middle] ?? 0
    return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2
  })

/** How many of `sites` values are left out on either side: ⌊β·m⌋, and always fewer than half. */
export const trimmedOf = (beta: number, sites: number): number => Math.min(Math.floor(beta * sites), (sites - 1) >> 1)

/** The mean of each coordinate without its ⌊β·m⌋ largest and smallest values (Yin et al. 2018, Definition 2). */
export const trimmedMeanOf = (beta: number): Aggregator =>
  coordinateWise('trimmedMean', (sorted) => {
    const trimmed = trimmedOf(beta, sorted.length)
    let sum = 0
    for (let at = trimmed; at < sorted.length - trimmed; at++) sum += sorted[at] ?? 0
    return sum / (sorted.length - 2 * trimmed)
  })
