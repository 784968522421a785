/**
 * AdamW (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", Algorithm 2, with the rate on the decay as in PyTorch):
 * w ← (1 − η·λ)·w − η·m̂ / (√v̂ + ε), where the decay has no part in the moments.
 */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import { appendDirection, appendTotals, momentState } from './moments.ts'
import type { Optimizer } from './optimizer.ts'

export const adamW = (options: OptimizerOptions<'adamW'>): Optimizer => ({
  state: momentState,
  step: (b, parameters, given) => {
    const next = new Map<string, string>()
    const own = given ?? b.scalar(options.rate)
    const totals = appendTotals(b, options, next)
    const rate = b.node('Div', [own, totals.beta1])
    const root = b.node('Sqrt', [totals.beta2])
    const left = b.node('Sub', [b.scalar(1), b.node('Mul', [own, b.scalar(options.weightDecay)])])
    for (const { name, gradient } of parameters) {
      const direction = appendDirection(b, { name, gradient }, { ...options, root, next })
      next.set(name, b.node('Sub', [b.node('Mul', [name, left]), b.node('Mul', [rate, direction])]))
    }
    return next
  },
})
