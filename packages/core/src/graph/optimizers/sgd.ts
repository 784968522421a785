/**
 * w ← w − η·v, v ← m·v + g; with m = 0 plain gradient descent. This is PyTorch's momentum (Sutskever et al. 2013, eq. 3, in the form where the rate
 * multiplies the velocity), which differs from Keras's when the rate changes. Nesterov's looks ahead: w ← w − η·(g + m·v).
 */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import type { GraphBuilder } from '../builder.ts'
import { besideEach, type Optimizer, withDecay } from './optimizer.ts'

export function sgd({ rate: ownRate, momentum, nesterov, weightDecay }: OptimizerOptions<'sgd'>): Optimizer {
  const rolled = (b: GraphBuilder, value: string, added: string): string =>
    b.node('Add', [b.node('Mul', [value, b.scalar(momentum)]), added])
  return {
    isElementwise: true,
    state: (weights) => (momentum === 0 ? [] : besideEach(weights, 'velocity')),
    step: (b, parameters, rate) => {
      const next = new Map<string, string>()
      for (const parameter of parameters) {
        const { name } = parameter
        const gradient = withDecay(b, parameter, weightDecay)
        const velocity = momentum === 0 ? gradient : rolled(b, `${name}@velocity`, gradient)
        if (momentum !== 0) next.set(`${name}@velocity`, velocity)
        const direction = nesterov ? rolled(b, velocity, gradient) : velocity
        next.set(name, b.node('Sub', [name, b.node('Mul', [direction, rate ?? b.scalar(ownRate)])]))
      }
      return next
    },
  }
}
