/**
 * Per-example gradients of matrices. Where an example is one row it is x·δᵀ, of which the norm is known without it: ‖x‖²·‖δ‖² (Goodfellow 2015, "Efficient
 * Per-Example Gradient Computations"). Of several rows it is Xᵀ·D, whose squared norm is the sum of (X·Xᵀ)∘(D·Dᵀ) (Li et al. 2022, "Large Language Models Can Be
 * Strong Differentially Private Learners", section 4): worth it where the rows' products with each other are fewer than the matrix's values (Bu, Mao and Xu 2022,
 * "Scalable and Efficient Training of Large Convolutional Neural Networks with Differential Privacy", section 3.2), else the parts are made.
 */
import type { GraphBuilder } from '../builder.ts'
import { scaled } from '../gradients/elementwise.ts'
import { fixedShape } from '../gradients/rule.ts'
import { int, ints } from '../ir.ts'
import { partsShare, type Share } from './share.ts'

/** [batch, rows, values] each, or [batch, values] of a single row; the gradient of an example is the product of their rows, left by right. */
export type Outer = { readonly left: string; readonly right: string }

/**
 * Sums of products in Float32 may cancel, and what is left of them may be too small; a norm must not be. So much of what they could be at most is added: sixteen
 * roundings of Float32.
 */
export const margin = 2 ** -20

export function outerShare(b: GraphBuilder, outer: Outer): Share {
  const [left, right] = [fixedShape(b, outer.left), fixedShape(b, outer.right)]
  if (left.length === 2) return rowShare(b, outer)
  const [batch = 0, rows = 0, height = 0] = left
  const width = right[2] ?? 0
  const product = (): string => b.node('MatMul', [turned(b, outer.left), outer.right])
  if (2 * rows * rows >= height * width) return partsShare(b, product(), [height, width])
  const flat = (name: string): string => b.node('Reshape', [name, b.axes([batch, -1])])
  const below = (name: string, values: number): string => b.node('Reshape', [name, b.axes([batch * rows, values])])
  const [lefts, rights] = [flat(outer.left), flat(outer.right)]
  return {
    squares(squaresOf) {
      const most = b.node('Mul', [squaresOf(lefts), squaresOf(rights)])
      return b.node('Add', [gramProduct(b, outer), scaled(b, most, margin)])
    },
    parts: product,
    sum: ({ counted, weighted }) => matrixSum(b, [below(counted(lefts), height), below(weighted(rights), width)]),
    held: 0,
  }
}

function rowShare(b: GraphBuilder, { left, right }: Outer): Share {
  const column = (name: string, axis: number): string => b.node('Unsqueeze', [name, b.axes([axis])])
  return {
    squares: (squaresOf) => b.node('Mul', [squaresOf(left), squaresOf(right)]),
    parts: () => b.node('MatMul', [column(left, 2), column(right, 1)]),
    sum: ({ counted, weighted }) => matrixSum(b, [counted(left), weighted(right)]),
    held: 0,
  }
}

const matrixSum = (b: GraphBuilder, rows: readonly [string, string]): string =>
  b.node('Gemm', rows, { attributes: { transA: int(1) } })

/** [batch]: Σ (L·Lᵀ)∘(R·Rᵀ), which rounding must not make negative. */
function gramProduct(b: GraphBuilder, { left, right }: Outer): string {
  const [lefts = '', rights = ''] = [left, right].map((name) => b.node('MatMul', [name, turned(b, name)]))
  const sum = b.node('ReduceSum', [b.node('Mul', [lefts, rights]), b.axes([1, 2])], {
    attributes: { keepdims: int(0) },
  })
  return b.node('Max', [sum, b.scalar(0)])
}

const turned = (b: GraphBuilder, name: string): string =>
  b.node('Transpose', [name], { attributes: { perm: ints([0, 2, 1]) } })
