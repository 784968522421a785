/** Gradients of matrix products. */
import type { GraphBuilder } from '../builder.ts'
import { float, floatAttribute, int, intAttribute, ints } from '../ir.ts'
import { scaled } from './elementwise.ts'
import { inputOf, ofFirstOutput, type SingleRule, unbroadcast } from './rule.ts'

/** The last two axes swapped. */
function transposed(b: GraphBuilder, name: string): string {
  const rank = b.shape(name).length
  const order = Array.from({ length: rank }, (_, axis) =>
    axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis,
  )
  return b.node('Transpose', [name], { attributes: { perm: ints(order) } })
}

/** A vector stands for a matrix of one row, or on the right of one column: an axis of extent 1 that no result has. */
const matMul: SingleRule = (node, dy, b) => {
  const [x, w] = [inputOf(node, 0), inputOf(node, 1)]
  const [isRow, isColumn] = [b.shape(x).length === 1, b.shape(w).length === 1]
  const along = (name: string, axis: number, isMissing: boolean): string =>
    isMissing ? b.node('Unsqueeze', [name, b.axes([axis])]) : name
  const without = (name: string, axis: number, isMissing: boolean): string =>
    isMissing ? b.node('Squeeze', [name, b.axes([axis])]) : name
  const flow = along(along(dy, -1, isColumn), -2, isRow)
  const [dx, dw] = matrixGradients(b, flow, [along(x, 0, isRow), along(w, 1, isColumn)])
  return [without(dx, 0, isRow), without(dw, 1, isColumn)]
}

/** Of two operands that have rows and columns, and batches of them in front. */
function matrixGradients(
  b: GraphBuilder,
  dy: string,
  [x, w]: readonly [string, string],
): readonly [dx: string, dw: string] {
  const dx = unbroadcast(b, b.node('MatMul', [dy, transposed(b, w)]), b.shape(x))
  const isStacked = b.shape(w).length === 2 && b.shape(x).length > 2
  const isFixed = [x, dy].every((name) => b.shape(name).every((extent) => typeof extent === 'number'))
  if (!isStacked || !isFixed) return [dx, unbroadcast(b, b.node('MatMul', [transposed(b, x), dy]), b.shape(w))]
  // A batch of matrices times one: all their rows below each other are one product, and nothing is left to sum.
  const [rows, flows] = [x, dy].map((name) => b.node('Reshape', [name, b.axes([-1, Number(b.shape(name).at(-1))])]))
  return [dx, b.node('Gemm', [rows ?? '', flows ?? ''], { attributes: { transA: int(1) } })]
}

/** y = α·x·w + β·c, x and w transposed at will. What is as ONNX has it anyway is not said. */
const gemm: SingleRule = (node, dy, b) => {
  const [x, w, c = ''] = [inputOf(node, 0), inputOf(node, 1), node.inputs[2]]
  const [turnedX, turnedW] = [intAttribute(node, 'transA', 0) === 1, intAttribute(node, 'transB', 0) === 1]
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
  const product = (operands: readonly [string, string], turned: readonly [boolean, boolean]): string =>
    b.node('Gemm', operands, {
      attributes: {
        ...(turned[0] ? { transA: int(1) } : {}),
        ...(turned[1] ? { transB: int(1) } : {}),
        ...(alpha === 1 ? {} : { alpha: float(alpha) }),
      },
    })
  const dx = turnedX ? product([w, dy], [turnedW, true]) : product([dy, w], [false, !turnedW])
  const dw = turnedW ? product([dy, x], [true, turnedX]) : product([x, dy], [!turnedX, false])
  if (c === '') return [dx, dw]
  const dc = unbroadcast(b, dy, b.shape(c))
  return [dx, dw, beta === 1 ? dc : scaled(b, dc, beta)]
}

export const matMulGradients = ofFirstOutput({ MatMul: matMul, Gemm: gemm })
