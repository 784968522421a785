/** What clips an example's gradient: min(1, C/‖g‖) (Abadi et al. 2016, "Deep Learning with Differential Privacy", Algorithm 1), over all parameters together. */
import type { GraphBuilder } from '../builder.ts'
import { memo } from '../gradients/recurrent/cell.ts'
import { int } from '../ir.ts'
import type { Factors, SquaresOf } from './share.ts'

/** `scale` multiplies everything: what is divided anyway costs nothing among the factors. */
export type Clipping = { readonly clipNorm: number; readonly scale: number }

/** Larger squares are no numbers in Float32. */
const largestSquare = 3e38

/**
 * From the squared norms of the examples, of any shape: the factor of each, and whether it counts. A gradient that Float32 cannot measure counts for nothing, else
 * one example could do to the sum whatever it likes.
 */
export function clipping(
  b: GraphBuilder,
  squares: string,
  { clipNorm, scale }: Clipping,
): { factor: string; counts: string } {
  const counts = b.node('Less', [squares, b.scalar(largestSquare)])
  const bound = b.scalar(clipNorm)
  const share = b.node('Div', [b.scalar(clipNorm * scale), b.node('Max', [b.node('Sqrt', [squares]), bound])])
  return { factor: b.node('Where', [counts, share, b.scalar(0)]), counts }
}

/** `squares` are [batch]. */
export function factorsOf(b: GraphBuilder, squares: string, bounds: Clipping): Factors {
  const { factor, counts } = clipping(b, b.node('Unsqueeze', [squares, b.axes([1])]), bounds)
  const counted = memo((name) => b.node('Where', [counts, name, b.scalar(0)]))
  return {
    counted,
    weighted: memo((name) => b.node('Mul', [counted(name), factor])),
    row: b.node('Reshape', [factor, b.axes([1, -1])]),
  }
}

/** [batch]: Σx² of [batch, values], each once. */
export const squaresWith = (b: GraphBuilder): SquaresOf =>
  memo((name) => b.node('ReduceSumSquare', [name, b.axes([1])], { attributes: { keepdims: int(0) } }))
