/** Adam (Kingma and Ba 2015, Algorithm 1): w ← w − η·m̂ / (√v̂ + ε). Weight decay is part of the gradient, as in PyTorch. */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import { appendDirection, appendFactors, momentState } from './moments.ts'
import { type Optimizer, withDecay } from './optimizer.ts'

export const adam = (options: OptimizerOptions<'adam'>): Optimizer => ({
  isElementwise: true,
  state: momentState,
  step: (b, parameters, given) => {
    const next = new Map<string, string>()
    const { factor, floor } = appendFactors(b, options, next)
    const rate = b.node('Mul', [factor, given ?? b.scalar(options.rate)])
    for (const parameter of parameters) {
      const { name } = parameter
      const gradient = withDecay(b, parameter, options.weightDecay)
      const direction = appendDirection(b, { name, gradient }, { ...options, floor, next })
      next.set(name, b.node('Sub', [name, b.node('Mul', [direction, rate])]))
    }
    return next
  },
})
