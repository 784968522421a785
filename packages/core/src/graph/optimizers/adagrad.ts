/** Adagrad (Duchi, Hazan and Singer 2011, fig. 1, diagonal), as PyTorch has it: s ← s + g², w ← w − η·g / (√s + ε). */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import { besideEach, type Optimizer, withDecay } from './optimizer.ts'

export const adagrad = ({ rate: ownRate, epsilon, weightDecay }: OptimizerOptions<'adagrad'>): Optimizer => ({
  isElementwise: true,
  state: (weights) => besideEach(weights, 'squareSum'),
  step: (b, parameters, rate) => {
    const next = new Map<string, string>()
    for (const parameter of parameters) {
      const { name } = parameter
      const gradient = withDecay(b, parameter, weightDecay)
      const sum = b.node('Add', [`${name}@squareSum`, b.node('Mul', [gradient, gradient])])
      const scaled = b.node('Div', [gradient, b.node('Add', [b.node('Sqrt', [sum]), b.scalar(epsilon)])])
      next
        .set(`${name}@squareSum`, sum)
        .set(name, b.node('Sub', [name, b.node('Mul', [scaled, rate ?? b.scalar(ownRate)])]))
    }
    return next
  },
})
