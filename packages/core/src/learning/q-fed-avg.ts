/**
 * q-FedAvg (Li et al. 2020, "Fair Resource Allocation in Federated Learning", Algorithm 2): hospitals where the model is worse count more. With
 * Fᵢ, a hospital's loss at the weights it was given, and L, an estimate of the losses' Lipschitz constant (1 / the local rate), its change Δᵢ
 * stands for the gradient −L·Δᵢ of Fᵢ, and
 *
 *     Δ = Σ Fᵢ^q·Δᵢ / Σ (q·Fᵢ^(q−1)·L·‖Δᵢ‖² + Fᵢ^q)
 *
 * which is the paper's Σ Δₖ / Σ hₖ divided by L above and below. Each hospital counts alike, as those that its algorithm samples; with q = 0
 * this is their plain mean.
 */
import { WardroundError } from '../errors.ts'
import { combining } from './combining.ts'
import type { Aggregator, Making } from './process.ts'
import { normOf } from './products.ts'

/** A loss below it counts as it: F^(q−1) of a perfect model would be infinite. The authors' code adds as much to each. */
const leastLoss = 1e-10

function lossOf({ measurements }: Making): number {
  const loss = measurements?.lossBefore
  if (loss === undefined) throw new WardroundError('WR_INTERNAL', { what: 'an update without its loss before' })
  return Math.max(leastLoss, loss)
}

export const qFedAvgRule = ({ q, lipschitz }: { q: number; lipschitz: number }): Aggregator =>
  combining({
    name: 'qFedAvg',
    needs: 'norms',
    weigh(products, makings) {
      const losses = makings.map(lossOf)
      // (F / the largest F)^q: the rule is the same, and nothing overflows.
      const largest = Math.max(...losses)
      const coefficients = losses.map((loss) => (loss / largest) ** q)
      const divisor = coefficients.reduce((sum, coefficient, index) => {
        const curvature = (q * lipschitz * normOf(products, index) ** 2) / (losses[index] ?? leastLoss)
        return sum + coefficient * (1 + curvature)
      }, 0)
      return { coefficients, divisor, measurements: { largestLossBefore: largest } }
    },
  })
