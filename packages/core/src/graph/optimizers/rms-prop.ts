/**
 * RMSprop (Hinton, Srivastava and Swersky 2012, "Neural Networks for Machine Learning", lecture 6), as PyTorch has it: s ← α·s + (1 − α)·g²,
 * v ← m·v + g / (√s + ε), w ← w − η·v. Centred (Graves 2013, eq. 38 to 41) the root is of the variance, s − a² with a ← α·a + (1 − α)·g.
 */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import type { GraphBuilder } from '../builder.ts'
import { average, besideEach, type Optimizer, type Parameter, withDecay } from './optimizer.ts'

export function rmsProp(options: OptimizerOptions<'rmsProp'>): Optimizer {
  const { rate: ownRate, alpha, momentum, epsilon, centered, weightDecay } = options
  /** g / (√s + ε). */
  const scaled = (b: GraphBuilder, { name, gradient }: Parameter, next: Map<string, string>): string => {
    const square = average(b, `${name}@square`, { value: b.node('Mul', [gradient, gradient]), beta: alpha })
    next.set(`${name}@square`, square)
    let spread = square
    if (centered) {
      const mean = average(b, `${name}@mean`, { value: gradient, beta: alpha })
      next.set(`${name}@mean`, mean)
      // Rounding may take a variance of 0 below it, where it has no root.
      spread = b.node('Relu', [b.node('Sub', [square, b.node('Mul', [mean, mean])])])
    }
    return b.node('Div', [gradient, b.node('Add', [b.node('Sqrt', [spread]), b.scalar(epsilon)])])
  }
  return {
    isElementwise: true,
    state: (weights) =>
      besideEach(weights, 'square', ...(centered ? ['mean'] : []), ...(momentum === 0 ? [] : ['velocity'])),
    step: (b, parameters, rate) => {
      const next = new Map<string, string>()
      for (const parameter of parameters) {
        const { name } = parameter
        let direction = scaled(b, { name, gradient: withDecay(b, parameter, weightDecay) }, next)
        if (momentum !== 0) {
          direction = b.node('Add', [b.node('Mul', [`${name}@velocity`, b.scalar(momentum)]), direction])
          next.set(`${name}@velocity`, direction)
        }
        next.set(name, b.node('Sub', [name, b.node('Mul', [direction, rate ?? b.scalar(ownRate)])]))
      }
      return next
    },
  }
}
