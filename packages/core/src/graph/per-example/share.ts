/** What one use of a parameter has of each example's gradient: kept in the form that costs least. */
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { fixedShape } from '../gradients/rule.ts'
import { int } from '../ir.ts'

export type Share = {
  /** [batch]: the squared norm of each example's part. */
  readonly squares: (squaresOf: SquaresOf) => string
  /** [batch, …shape]: the parts themselves. */
  readonly parts: () => string
  /** The sum of all examples' parts, each times its factor; an example that does not count adds nothing, whatever its values are. */
  readonly sum: (factors: Factors) => string
  /** How many values are held until the factors are known. */
  readonly held: number
}

/** [batch]: the sum of the squares of each example's values, made once for each name. */
export type SquaresOf = (name: string) => string

/** What each example's gradient is multiplied with, once all norms are known. */
export type Factors = {
  /** [batch, values] of the same shape, 0 for an example that does not count: 0 times what is no number would be none. */
  counted(name: string): string
  /** The same, and times the factors. */
  weighted(name: string): string
  /** [1, batch] */
  readonly row: string
}

/** Of parts that are there: [batch, …shape]. `shape` is that of the parameter. */
export function partsShare(b: GraphBuilder, parts: string, shape: readonly number[]): Share {
  const [batch = 1] = fixedShape(b, parts)
  const values = sizeOf(shape)
  const flat = b.shape(parts).length === 2 ? parts : b.node('Reshape', [parts, b.axes([batch, values])])
  return {
    squares: (squaresOf) => squaresOf(flat),
    parts: () => parts,
    sum(factors) {
      // A vector's parts are mostly what flows back, which its matrix wants weighted, too.
      const sum =
        shape.length === 1
          ? b.node('ReduceSum', [factors.weighted(flat), b.axes([0])], { attributes: { keepdims: int(0) } })
          : b.node('MatMul', [factors.row, factors.counted(flat)])
      return b.shape(sum).join() === shape.join() ? sum : b.node('Reshape', [sum, b.axes(shape)])
    },
    held: batch * values,
  }
}
