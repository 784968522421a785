/**
 * FedNova (Wang et al. 2020, "Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization", section 4).
 * Where hospitals take unlike numbers of steps τᵢ, the mean of their changes pulls towards those that take more. Each change is divided
 * by its own steps, and the mean change of a step is taken τ_eff = Σ pᵢτᵢ times, with pᵢ = nᵢ / Σ n:
 *
 *     Δ = τ_eff · Σ pᵢ·Δᵢ/τᵢ
 *
 * This is the paper's rule for plain local gradient descent, where aᵢ = (1, …, 1) and ‖aᵢ‖₁ = τᵢ. Of equal steps it is the weighted mean.
 */
import { WardroundError } from '../errors.ts'
import { combining } from './combining.ts'
import type { Aggregator, Making } from './process.ts'

/** Errors: WR_INTERNAL where the caller does not say. */
export function stepsOf({ numSteps }: Making): number {
  if (numSteps === undefined) throw new WardroundError('WR_INTERNAL', { what: 'an update without its steps' })
  return numSteps
}

export const fedNovaRule = (): Aggregator =>
  combining({
    name: 'fedNova',
    needs: 'nothing',
    weigh(_, makings) {
      const examples = makings.reduce((sum, { numExamples }) => sum + numExamples, 0)
      const steps = makings.reduce((sum, making) => sum + making.numExamples * stepsOf(making), 0)
      return {
        // τ_eff / τᵢ is exactly 1 where all steps are equal.
        coefficients: makings.map((making) => making.numExamples * (steps / stepsOf(making) / examples)),
        divisor: examples,
        measurements: { effectiveSteps: steps / examples },
      }
    },
  })
