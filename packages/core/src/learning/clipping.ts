/** Rules that shorten what is too long: no hospital moves the model farther than a bound, whatever it sends. Each hospital counts alike. */
import { combining } from './combining.ts'
import type { Aggregator } from './process.ts'
import { distancesTo, normOf } from './products.ts'

/** A length in the unit of the weights, or the median of the round's. */
export type Bound = number | 'median'

/** Of an even number the smaller of the middle two: fewer than half of the hospitals cannot make it longer than all the others' are. */
const lengthOf = (bound: Bound, lengths: readonly number[]): number =>
  bound === 'median' ? (Float64Array.from(lengths).sort()[(lengths.length - 1) >> 1] ?? 0) : bound

/** min(1, bound / length). */
const factorOf = (length: number, bound: number): number => (length > bound ? bound / length : 1)

const shortened = (factors: readonly number[]): number => factors.filter((factor) => factor < 1).length

/** Δ = 1/n · Σ Δᵢ / max(1, ‖Δᵢ‖/M) (Sun et al. 2019, norm thresholding). */
export const normBoundRule = (bound: Bound): Aggregator =>
  combining({
    name: 'normBound',
    needs: 'norms',
    ...(bound === 'median' ? {} : { reach: bound }),
    weigh(products) {
      const lengths = Array.from({ length: products.count }, (_, i) => normOf(products, i))
      const longest = lengthOf(bound, lengths)
      const coefficients = lengths.map((length) => factorOf(length, longest))
      return {
        coefficients,
        divisor: products.count,
        measurements: { longestAllowed: longest, shortenedUpdates: shortened(coefficients) },
      }
    },
  })

/**
 * Centred clipping (Karimireddy, He and Jaggi 2021): from v₀, the aggregate of the round before,
 * v ← v + 1/n · Σ (xᵢ − v)·min(1, τ/‖xᵢ − v‖), `iterations` times. Each v is a combination of the updates and v₀ (products.ts).
 */
export const centredClippingRule = ({ radius, iterations }: { radius: Bound; iterations: number }): Aggregator =>
  combining({
    name: 'centredClipping',
    needs: 'products',
    keepsCentre: true,
    ...(radius === 'median' ? {} : { reach: iterations * radius }),
    weigh(products) {
      const sites = products.count - 1
      // n·v, of x₁ … xₙ and v₀.
      let coefficients = [...new Array<number>(sites).fill(0), sites]
      let measurements = {}
      for (let iteration = 0; iteration < iterations; iteration++) {
        const v = coefficients.map((coefficient) => coefficient / sites)
        const lengths = distancesTo(products, v, sites)
        const longest = lengthOf(radius, lengths)
        const factors = lengths.map((length) => factorOf(length, longest))
        const left = 1 - factors.reduce((sum, factor) => sum + factor, 0) / sites
        coefficients = coefficients.map((coefficient, k) => coefficient * left + (factors[k] ?? 0))
        measurements = { longestAllowed: longest, shortenedUpdates: shortened(factors) }
      }
      return { coefficients, divisor: sites, measurements }
    },
  })
