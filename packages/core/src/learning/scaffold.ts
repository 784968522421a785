/**
 * SCAFFOLD (Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", Algorithm 1, option II). A site corrects
 * its gradients by c − cᵢ, where cᵢ, its control variate, is its mean gradient of the last round it took part in, and c is theirs of all N:
 *
 *     yᵢ ← yᵢ − η·(gᵢ(yᵢ) − cᵢ + c)     K times, from x
 *     cᵢ⁺ = cᵢ − c + (x − yᵢ) / (K·η)
 *     x ← x + (1/|S|)·Σ Δᵢ,   c ← c + (1/N)·Σ (cᵢ⁺ − cᵢ)     with Δᵢ = yᵢ − x, over the sites S that took part
 *
 * Variates are kept times the local rate, c̃ = η·c, in the unit of the weights: then η is needed only where a gradient is corrected, and with
 * each site's own K
 *
 *     c̃ᵢ⁺ = c̃ᵢ − c̃ − Δᵢ/Kᵢ,   c̃ ← (1 − |S|/N)·c̃ − (1/N)·Σ Δᵢ/Kᵢ
 *
 * so that the coordinator needs no more of a site than its update and its steps. All sites count alike, as in the paper.
 */
import { mapped, squareSum } from '../vector.ts'
import { plainMean } from './aggregators.ts'
import { stepsOf } from './fed-nova.ts'
import { each32, type LocalCorrection } from './local-correction.ts'
import type { Aggregator } from './process.ts'

/** State `variate`: c̃. */
export function scaffoldRule(): Aggregator {
  const mean = plainMean()
  return {
    name: 'scaffold',
    init: (dimension) => ({ variate: new Float64Array(dimension) }),
    coefficients: (facts) => [...mean.coefficients(facts), facts.makings.map((making) => 1 / stepsOf(making))],
    finish([sum = new Float64Array(), stepSum = new Float64Array()], state, facts) {
      const averaged = mean.finish([sum], {}, facts)
      const before = state.variate ?? new Float64Array(sum.length)
      const absent = 1 - facts.makings.length / facts.cohort
      const variate = mapped(before, (value, i) => absent * value - (stepSum[i] ?? 0) / facts.cohort)
      const measurements = { ...averaged.measurements, variateSquareSum: squareSum(variate) }
      return { ...averaged, state: { variate }, measurements }
    },
  }
}

/** A site's own vector is c̃ᵢ, the common one c̃. */
export const controlVariates: LocalCorrection = {
  common: 'variate',
  gradient: ({ own, common }, rate) => each32(own.length, (i) => ((common[i] ?? 0) - (own[i] ?? 0)) / rate),
  next: ({ own, common }, { delta, steps }) =>
    each32(own.length, (i) => (own[i] ?? 0) - (common[i] ?? 0) - (delta[i] ?? 0) / steps),
}
