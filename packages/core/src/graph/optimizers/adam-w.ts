/**
 * AdamW (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", Algorithm 2, with the rate on the decay as in PyTorch):
 * w ← (1 − η·λ)·w − η·m̂ / (√v̂ + ε), where the decay has no part in the moments.
 */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import { appendDirection, appendFactors, momentState } from './moments.ts'
import type { Optimizer } from './optimizer.ts'

export const adamW = (options: OptimizerOptions<'adamW'>): Optimizer => ({
  isElementwise: true,
  state: momentState,
  step: (b, parameters, given) => {
    const next = new Map<string, string>()
    const own = given ?? b.scalar(options.rate)
    const { factor, floor } = appendFactors(b, options, next)
    const rate = b.node('Mul', [factor, own])
    const left = b.node('Sub', [b.scalar(1), b.node('Mul', [own, b.scalar(options.weightDecay)])])
    for (const { name, gradient } of parameters) {
      const direction = appendDirection(b, { name, gradient }, { ...options, floor, next })
      next.set(name, b.node('Sub', [b.node('Mul', [name, left]), b.node('Mul', [direction, rate])]))
    }
    return next
  },
})
