/**
 * The geometric median of the updates, each hospital alike: the v that minimises Σᵢ‖v − xᵢ‖, by the smoothed Weiszfeld algorithm of RFA
 * (Pillutla, Kakade and Harchaoui 2022, Algorithm 2): v ← Σ βᵢxᵢ / Σ βᵢ with βᵢ = 1/max(ν, ‖v − xᵢ‖). What fewer than half of the
 * hospitals send moves it by no more than a multiple of the others' spread, however large it is.
 *
 * All of it happens to coefficients of the updates (products.ts), so that iterations cost no pass over the weights and there are as many
 * as it takes, where the paper counts three messages to every site. It starts not at the mean, from which an update of 10³⁰ is a long way
 * back, but at the mean of the majority around the update that is nearest to all others: the minimum is one and the same.
 */
import { combining } from './combining.ts'
import type { Aggregator } from './process.ts'
import { distancesTo, type Products, squaredDistance } from './products.ts'

/** Coefficients that change by less than this part of themselves have settled. */
const settledBy = 1e-9
const passLimit = 1000

/** The shares of the first guess: alike for the update with the smallest sum of distances and the majority that is nearest to it. */
function firstShares(products: Products): number[] {
  const { count } = products
  const distances = Array.from({ length: count }, (_, i) =>
    Array.from({ length: count }, (_, j) => Math.sqrt(squaredDistance(products, i, j))),
  )
  const sums = distances.map((row) => row.reduce((sum, distance) => sum + distance, 0))
  const middle = distances[sums.indexOf(Math.min(...sums))] ?? []
  const majority = Math.floor(count / 2) + 1
  const near = new Set(
    middle
      .map((distance, index) => ({ distance, index }))
      .toSorted((a, b) => a.distance - b.distance || a.index - b.index)
      .slice(0, majority)
      .map(({ index }) => index),
  )
  return Array.from({ length: count }, (_, index) => (near.has(index) ? 1 / near.size : 0))
}

/** ν is `smoothing`, in the unit of the weights. */
export const geometricMedianRule = (smoothing: number): Aggregator =>
  combining({
    name: 'geometricMedian',
    needs: 'products',
    weigh(products) {
      let shares = firstShares(products)
      for (let pass = 1; ; pass++) {
        const distances = distancesTo(products, shares, products.count).map((distance) => Math.max(smoothing, distance))
        const least = Math.min(...distances)
        // βᵢ times the least distance: the same shares, and exactly 1 for each of updates that are equally far.
        const coefficients = distances.map((distance) => least / distance)
        const divisor = coefficients.reduce((sum, coefficient) => sum + coefficient, 0)
        const next = coefficients.map((coefficient) => coefficient / divisor)
        const settled = next.every((share, i) => Math.abs(share - (shares[i] ?? 0)) <= settledBy * share)
        if (settled || pass === passLimit) return { coefficients, divisor, measurements: { medianPasses: pass } }
        shares = next
      }
    },
  })
