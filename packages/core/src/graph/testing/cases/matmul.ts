/** Random uses of matrix products. */

import { float, int } from '../../ir.ts'
import { between, broadcastable, either, floats, oneOf, plain } from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

const matMul: Maker = (g) => {
  const [stackA = [], stackB = []] = broadcastable(g, 2).map((shape) => shape.slice(-2))
  const [rows, inner, columns] = [between(g, 1, 3), between(g, 1, 3), between(g, 1, 3)]
  const [isRow, isColumn] = [either(g) && either(g), either(g) && either(g)]
  return plain(
    floats(g, isRow ? [inner] : [...stackA, rows, inner]),
    floats(g, isColumn ? [inner] : [...stackB, inner, columns]),
  )
}

const gemm: Maker = (g) => {
  const [rows, inner, columns] = [between(g, 1, 4), between(g, 1, 4), between(g, 1, 4)]
  const [transA, transB] = [either(g), either(g)]
  const bias = oneOf(g, [undefined, [], [1], [columns], [1, columns], [rows, 1], [rows, columns]])
  return {
    ...plain(
      floats(g, transA ? [inner, rows] : [rows, inner]),
      floats(g, transB ? [columns, inner] : [inner, columns]),
      ...(bias === undefined ? [] : [floats(g, bias)]),
    ),
    attributes: {
      ...(transA ? { transA: int(1) } : {}),
      ...(transB ? { transB: int(1) } : {}),
      ...(either(g) ? { alpha: float(0.5), beta: float(-1.5) } : {}),
    },
  }
}

export const matMulCases: Cases = {
  operators: { MatMul: matMul, Gemm: gemm },
  gradients: { MatMul: matMul, Gemm: gemm },
}
