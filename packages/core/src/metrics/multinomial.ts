/** Multinomial draws whose cost depends on the number of cells, not of records: a large hospital costs no more than a small one. */
import type { Random } from '../random.ts'

/** Up to this mean a binomial is drawn exactly, by inversion; its terms then stay far above the smallest Float64. */
const exactUpToMean = 100

/**
 * As many draws as `counts` add up to, with replacement, each cell with the probability of its share: how often each cell was
 * drawn. By binomials, each given the ones before (Devroye 1986, "Non-Uniform Random Variate Generation", section XI.1.4).
 */
export function multinomial(counts: readonly number[], random: Random): number[] {
  let mass = counts.reduce((sum, count) => sum + count, 0)
  let left = mass
  return counts.map((count) => {
    const drawn = count >= mass ? left : binomial(left, count / mass, random)
    mass -= count
    left -= drawn
    return drawn
  })
}

/**
 * Successes in `n` trials. Exact by inversion where min(p, 1 − p)·n is small (algorithm BINV of Kachitvichyanukul and Schmeiser
 * 1988); else the nearest integer to a normal of the same mean and variance.
 */
export function binomial(n: number, p: number, random: Random): number {
  if (p > 0.5) return n - binomial(n, 1 - p, random)
  return n * p <= exactUpToMean ? byInversion(n, p, random) : byNormal(n, p, random)
}

function byInversion(n: number, p: number, random: Random): number {
  let term = Math.exp(n * Math.log1p(-p))
  let rest = random.uniform() - term
  let successes = 0
  while (rest >= 0 && successes < n) {
    successes++
    term *= ((n - successes + 1) / successes) * (p / (1 - p))
    rest -= term
  }
  return successes
}

/** A normal by Box and Muller 1958. */
function byNormal(n: number, p: number, random: Random): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
  return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(n * p * (1 - p)) * normal)))
}
