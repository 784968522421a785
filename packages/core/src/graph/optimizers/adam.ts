/** Adam (Kingma and Ba 2015, Algorithm 1): w ← w − η·m̂ / (√v̂ + ε). Weight decay is part of the gradient, as in PyTorch. */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import { appendDirection, appendTotals, momentState } from './moments.ts'
import { type Optimizer, withDecay } from './optimizer.ts'

export const adam = (options: OptimizerOptions<'adam'>): Optimizer => ({
  state: momentState,
  step: (b, parameters, given) => {
    const next = new Map<string, string>()
    const totals = appendTotals(b, options, next)
    const rate = b.node('Div', [given ?? b.scalar(options.rate), totals.beta1])
    const root = b.node('Sqrt', [totals.beta2])
    for (const parameter of parameters) {
      const { name } = parameter
      const gradient = withDecay(b, parameter, options.weightDecay)
      const direction = appendDirection(b, { name, gradient }, { ...options, root, next })
      next.set(name, b.node('Sub', [name, b.node('Mul', [rate, direction])]))
    }
    return next
  },
})
