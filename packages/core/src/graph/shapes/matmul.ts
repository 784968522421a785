/** Shapes of matrix products. */
import { intAttribute } from '../ir.ts'
import { broadcast, input, invalid, type ShapeRule } from './rule.ts'

const matMul: ShapeRule = (_, inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)]
  if (a.shape.length < 2 || b.shape.length < 2) throw invalid('MatMul needs matrices')
  if (a.shape.at(-1) !== b.shape.at(-2)) throw invalid(`MatMul of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  return { type: a.type, shape: [...batch, a.shape.at(-2) ?? 0, b.shape.at(-1) ?? 0] }
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
