/** From many updates to one. Sums are Float64, in the order given, which process.ts makes the order of site names. */
import { axpy, squareSum } from '../vector.ts'
import type { Aggregator } from './process.ts'

/** Δ = Σ nᵢ·Δᵢ / Σ nᵢ (McMahan et al. 2017, Algorithm 1, on differences instead of weights). */
export const weightedMean = (): Aggregator => ({
  name: 'weightedMean',
  coordinateWise: true,
  init: () => ({}),
  aggregate(updates, state) {
    const total = updates.reduce((sum, { numExamples }) => sum + numExamples, 0)
    const result = new Float64Array(updates[0]?.delta.length ?? 0)
    for (const { delta, numExamples } of updates) axpy(numExamples, delta, result)
    for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) / total
    return { state, result, measurements: { aggregateSquareSum: squareSum(result) } }
  },
})
