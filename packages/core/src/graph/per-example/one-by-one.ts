/**
 * Clipped gradients by their definition: a batch of one after another, in a `Scan` that carries the sums. Nothing need be known of the network but its gradient,
 * since one example's never sees another; and no more is held than one of them.
 */
import type { GraphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import { overTime } from '../gradients/recurrent/over-time.ts'
import { fixedShape, zeros } from '../gradients/rule.ts'
import { meanOf } from '../losses/loss.ts'
import { sum, sumOfSquares } from '../losses/penalties.ts'
import { isTraining } from '../shapes/normalization.ts'
import type { ClippedSums, Objective } from './clipped-sums.ts'
import { type Clipping, clipping } from './factors.ts'
import { mixed } from './standing.ts'

/** Errors: WR_GRAPH_REFUSED for batch normalisation in training, of which a batch of one is no part of a batch of many. */
export function oneByOne(
  b: GraphBuilder,
  { parameters, examples, around, append }: Objective,
  bounds: Clipping,
): ClippedSums {
  const { states, collected } = overTime(b, {
    states: parameters.map((name) => zeros(b, name)),
    scanned: examples,
    fixed: around,
    isReversed: false,
    step(inner, { states: before, slices }) {
      const alone = slices.map((slice) => inner.node('Reshape', [slice, inner.axes([1, ...fixedShape(inner, slice)])]))
      const loss = append(inner, alone)
      if (inner.nodes().some((node) => node.op === 'BatchNormalization' && isTraining(node)))
        throw mixed('batch normalisation (use groupNormalization, which normalises each example by itself)')
      const gradients = differentiate(inner, loss, parameters)
      const squares = sum(
        inner,
        gradients.map((gradient) => sumOfSquares(inner, gradient)),
      )
      const { factor, counts } = clipping(inner, squares, bounds)
      return {
        states: gradients.map((gradient, index) => {
          const clipped = inner.node('Where', [counts, inner.node('Mul', [gradient, factor]), inner.scalar(0)])
          return inner.node('Add', [before[index] ?? '', clipped])
        }),
        collected: [inner.node('Identity', [loss])],
      }
    },
  })
  return { loss: meanOf(b, collected[0] ?? ''), sums: states, isAtOnce: false }
}
