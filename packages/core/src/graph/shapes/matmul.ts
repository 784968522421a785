/** Shapes of matrix products. */
import { intAttribute } from '../ir.ts'
import { broadcast, input, invalid, type ShapeRule } from './rule.ts'

/** A vector stands for a row, or on the right for a column, and that axis is not in the result. */
const matMul: ShapeRule = (_, inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)]
  const inner = b.shape.length === 1 ? b.shape[0] : b.shape.at(-2)
  if (inner === undefined || a.shape.at(-1) !== inner)
    throw invalid(`MatMul of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const columns = b.shape.length === 1 ? [] : b.shape.slice(-1)
  return { type: a.type, shape: [...batch, ...a.shape.slice(-2, -1), ...columns] }
}

const gemm: ShapeRule = (node, inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)]
  const [rows, inner] = intAttribute(node, 'transA', 0) === 1 ? a.shape.toReversed() : a.shape
  const [innerB, columns] = intAttribute(node, 'transB', 0) === 1 ? b.shape.toReversed() : b.shape
  if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== innerB) {
    throw invalid(`Gemm of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`)
  }
  const shape = [rows ?? 0, columns ?? 0]
  // The third operand is stretched to the product, never the other way round.
  const stretched = broadcast(shape, inputs[2]?.shape ?? [])
  if (stretched.length > 2 || stretched.some((extent, axis) => extent !== shape[axis])) {
    throw invalid(`Gemm adds [${inputs[2]?.shape.join(', ')}] to [${shape.join(', ')}]`)
  }
  return { type: a.type, shape }
}

export const matMulShapes: Readonly<Record<string, ShapeRule>> = { MatMul: matMul, Gemm: gemm }
