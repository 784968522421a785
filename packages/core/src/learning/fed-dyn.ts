/**
 * FedDyn (Acar et al. 2021, "Federated Learning Based on Dynamic Regularization", Algorithm 1). A site minimises its loss with a linear term, which
 * takes out the slope at which it ended before, and a quadratic one around the weights that it was given:
 *
 *     θᵢ = argmin Lᵢ(θ) − ⟨gᵢ, θ⟩ + (α/2)·‖θ − x‖²,   gᵢ ← gᵢ − α·Δᵢ     with Δᵢ = θᵢ − x
 *     h ← h − (α/m)·Σ Δᵢ,   x ← mean θᵢ − h/α     over the sites that took part, of all m
 *
 * From gᵢ = 0 on, gᵢ is −α·sᵢ with sᵢ, the sum of the site's changes: that is kept, in the unit of the weights, and α·sᵢ + α·(θ − x) is
 * added to the gradients. The coordinator keeps H = h/α likewise, and never needs α:
 *
 *     H ← H − (1/m)·Σ Δᵢ,   x ← x + mean Δᵢ − H
 *
 * In a first round with everybody the step is therefore twice the mean, as published. All sites count alike.
 */
import { mapped, squareSum } from '../vector.ts'
import { plainMean } from './aggregators.ts'
import { each32, type LocalCorrection } from './local-correction.ts'
import type { Aggregator } from './process.ts'

/** State `drift`: H. */
export function fedDynRule(): Aggregator {
  const mean = plainMean()
  return {
    name: 'fedDyn',
    init: (dimension) => ({ drift: new Float64Array(dimension) }),
    coefficients: mean.coefficients,
    finish(sums, state, facts) {
      const { result: average } = mean.finish(sums, {}, facts)
      const present = facts.makings.length / facts.cohort
      const drift = mapped(average, (value, i) => (state.drift?.[i] ?? 0) - present * value)
      const result = mapped(average, (value, i) => value - (drift[i] ?? 0))
      const measurements = { aggregateSquareSum: squareSum(result), driftSquareSum: squareSum(drift) }
      return { state: { drift }, result, measurements }
    },
  }
}

/** A site's own vector is sᵢ; there is no common one. The quadratic term is FedProx's, with μ = α. */
export const linearTerm = (alpha: number): LocalCorrection => ({
  gradient: ({ own }) => each32(own.length, (i) => alpha * (own[i] ?? 0)),
  next: ({ own }, { delta }) => each32(own.length, (i) => (own[i] ?? 0) + (delta[i] ?? 0)),
})
