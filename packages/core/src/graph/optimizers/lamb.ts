/**
 * LAMB (You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", Algorithm 2, with φ(z) = z): each tensor w moves by
 * η·‖w‖ in the direction u = m̂ / (√v̂ + ε) + λ·w. Where a norm is 0 it moves by η·u, as in the authors' own code: else a bias that begins at 0 stayed there.
 */
import type { OptimizerOptions } from '../../study/optimizer.ts'
import type { GraphBuilder } from '../builder.ts'
import { appendDirection, appendFactors, momentState } from './moments.ts'
import type { Optimizer } from './optimizer.ts'

export const lamb = (options: OptimizerOptions<'lamb'>): Optimizer => ({
  isElementwise: false,
  state: momentState,
  step: (b, parameters, given) => {
    const next = new Map<string, string>()
    const { factor, floor } = appendFactors(b, options, next)
    for (const { name, gradient } of parameters) {
      const direction = appendDirection(b, { name, gradient }, { ...options, floor, next })
      const decay = b.node('Mul', [name, b.scalar(options.weightDecay)])
      const u = b.node('Add', [b.node('Mul', [direction, factor]), decay])
      const length = b.node('Mul', [trustRatio(b, name, u), given ?? b.scalar(options.rate)])
      next.set(name, b.node('Sub', [name, b.node('Mul', [u, length])]))
    }
    return next
  },
})

/** ‖w‖ / ‖u‖, and 1 where one of them is 0. */
function trustRatio(b: GraphBuilder, w: string, u: string): string {
  const [ofWeight, ofUpdate] = [norm(b, w), norm(b, u)]
  const isPositive = (value: string): string => b.node('Greater', [value, b.scalar(0)])
  const both = b.node('And', [isPositive(ofWeight), isPositive(ofUpdate)])
  return b.node('Where', [both, b.node('Div', [ofWeight, ofUpdate]), b.scalar(1)])
}

const norm = (b: GraphBuilder, name: string): string =>
  b.node('Sqrt', [b.node('ReduceSumSquare', [name], { attributes: { keepdims: { kind: 'int', value: 0 } } })])
