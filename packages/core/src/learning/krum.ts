/**
 * Krum and Multi-Krum (Blanchard et al. 2017, section 4). With f hospitals of n that may be wrong, a hospital's score is the sum of its
 * squared distances to the n − f − 2 others that are nearest to it; Krum takes the update of the lowest score, Multi-Krum the mean of the
 * m lowest. The paper's guarantee asks for n ≥ 2f + 3. Of equal scores the first by name wins.
 */
import { combining } from './combining.ts'
import type { Aggregator } from './process.ts'
import { type Products, squaredDistance } from './products.ts'

/** How many of `sites` may be wrong: as the study says, and never more than the guarantee allows. */
export const faultyOf = (faulty: number | undefined, sites: number): number =>
  Math.min(faulty ?? Number.POSITIVE_INFINITY, Math.max(0, Math.floor((sites - 3) / 2)))

/** How many updates Multi-Krum averages: as the study says, else n − f − 2, those that a score looks at. At least one, at most all. */
export const keptOf = (keep: number | undefined, sites: number, faulty: number): number =>
  Math.min(sites, keep ?? Math.max(1, sites - faulty - 2))

/** The score of each update. */
export function krumScores(products: Products, faulty: number): number[] {
  const { count } = products
  const neighbours = Math.max(1, count - faulty - 2)
  return Array.from({ length: count }, (_, i) => {
    const others = Array.from({ length: count }, (_, j) => j).filter((j) => j !== i)
    const nearest = Float64Array.from(others, (j) => squaredDistance(products, i, j)).sort()
    return nearest.subarray(0, neighbours).reduce((sum, square) => sum + square, 0)
  })
}

/** The indices of the lowest scores. */
const lowest = (scores: readonly number[], kept: number): ReadonlySet<number> =>
  new Set(
    scores
      .map((score, index) => ({ score, index }))
      .toSorted((a, b) => a.score - b.score || a.index - b.index)
      .slice(0, kept)
      .map(({ index }) => index),
  )

const krumOf = (
  name: string,
  faulty: number | undefined,
  kept: (sites: number, faulty: number) => number,
): Aggregator =>
  combining({
    name,
    needs: 'products',
    weigh(products) {
      const wrong = faultyOf(faulty, products.count)
      const chosen = lowest(krumScores(products, wrong), kept(products.count, wrong))
      return {
        coefficients: Array.from({ length: products.count }, (_, index) => (chosen.has(index) ? 1 : 0)),
        divisor: chosen.size,
        measurements: { keptUpdates: chosen.size },
      }
    },
  })

export const krumRule = (faulty: number | undefined): Aggregator => krumOf('krum', faulty, () => 1)
export const multiKrumRule = (faulty: number | undefined, keep: number | undefined): Aggregator =>
  krumOf('multiKrum', faulty, (sites, wrong) => keptOf(keep, sites, wrong))
