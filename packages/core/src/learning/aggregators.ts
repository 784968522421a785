/** From many updates to one. Sums are Float64, in the order given, which process.ts makes the order of site names. */
import { squareSum } from '../vector.ts'
import { addTerms } from '../weighted-sum.ts'
import type { Aggregator, Update } from './process.ts'

/** Δ = Σ nᵢ·Δᵢ / Σ nᵢ (McMahan et al. 2017, Algorithm 1, on differences instead of weights). */
export const weightedMean = (): Aggregator => ({
  name: 'weightedMean',
  init: () => ({}),
  aggregate(updates, state) {
    const total = updates.reduce((sum, { numExamples }) => sum + numExamples, 0)
    const result = new Float64Array(updates[0]?.delta.length ?? 0)
    addTerms(
      updates.map(({ delta, numExamples }) => ({ coefficient: numExamples, vector: delta })),
      result,
    )
    for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) / total
    return { state, result, measurements: { aggregateSquareSum: squareSum(result) } }
  },
})

/** Δ = Σ Δᵢ / K: each update alike, however many examples it claims. */
export const plainMean = (): Aggregator => {
  const { aggregate, ...mean } = weightedMean()
  const alike = (updates: readonly Update[]): Update[] => updates.map((update) => ({ ...update, numExamples: 1 }))
  return { ...mean, name: 'plainMean', aggregate: (updates, ...rest) => aggregate(alike(updates), ...rest) }
}

/** What a robust rule makes of one coordinate: `sorted` has it of every update, the smallest first. */
type Rule = (sorted: Float64Array) => number

/** Each coordinate by itself, every site alike: how many examples a site claims is its own word. */
const coordinateWise = (name: string, rule: Rule): Aggregator => ({
  name,
  init: () => ({}),
  aggregate(updates, state) {
    const result = new Float64Array(updates[0]?.delta.length ?? 0)
    const column = new Float64Array(updates.length)
    for (let i = 0; i < result.length; i++) {
      for (let site = 0; site < column.length; site++) column[site] = updates[site]?.delta[i] ?? 0
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
