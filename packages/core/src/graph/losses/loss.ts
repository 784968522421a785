/** What a loss is made from, and what several of them share. */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { int, type Shape } from '../ir.ts'

export type LossInputs = {
  /** [batch, outputs], or of a segmentation [batch, classes, …]. */
  readonly logits: string
  /** As the loss says: mostly [batch, 1], with 0 or 1, a class index, or a value. */
  readonly target: string
  /** [1, classes]: what is added to the logits, of a loss that adjusts them. */
  readonly adjustment?: string
}

/** Errors: WR_GRAPH_INVALID where a target has another shape than its loss needs: broadcasting would make something of it, but no loss. */
export function requireShape(b: GraphBuilder, name: string, wanted: Shape): void {
  const shape = b.shape(name)
  if (shape.join() !== wanted.join())
    throw new WardroundError('WR_GRAPH_INVALID', {
      problem: `the target is [${shape.join(', ')}], and this loss needs [${wanted.join(', ')}]`,
    })
}

/** [batch, classes, …] from class indices [batch, 1, …]. */
export function oneHot(b: GraphBuilder, target: string, classes: number): string {
  const rank = b.shape(target).length
  const name = rank === 2 ? `classes_${classes}` : `classes_${classes}_${rank}`
  const numbers =
    b.constant(name)?.name ??
    b.initializer({
      name,
      type: 'float32',
      shape: [1, classes, ...new Array<number>(rank - 2).fill(1)],
      data: Float32Array.from({ length: classes }, (_, index) => index),
    })
  return asNumber(b, b.node('Equal', [target, numbers]))
}

/** Float32: of a condition 1 where it holds, else 0. */
export const asNumber = (b: GraphBuilder, condition: string): string =>
  b.node('Cast', [condition], { attributes: { to: int(1) } })

/** The mean of all values, a scalar. */
export const meanOf = (b: GraphBuilder, name: string): string =>
  b.node('ReduceMean', [name], { attributes: { keepdims: int(0) } })
