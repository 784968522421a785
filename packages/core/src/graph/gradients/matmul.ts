/** Gradients of matrix products. */

import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { floatAttribute, int, intAttribute, ints } from '../ir.ts'
import { inputOf, ofFirstOutput, type SingleRule, unbroadcast } from './rule.ts'

/** The last two axes swapped. */
function transposed(b: GraphBuilder, name: string): string {
  const rank = b.shape(name).length
  const order = Array.from({ length: rank }, (_, axis) =>
    axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis,
  )
  return b.node('Transpose', [name], { attributes: { perm: ints(order) } })
}

const matMul: SingleRule = (node, dy, b) => {
  const [x, w] = [inputOf(node, 0), inputOf(node, 1)]
  return [
    unbroadcast(b, b.node('MatMul', [dy, transposed(b, w)]), b.shape(x)),
    unbroadcast(b, b.node('MatMul', [transposed(b, x), dy]), b.shape(w)),
  ]
}

/** y = x·w + c, as dense layers use it: neither scaled nor with a transposed x. */
const gemm: SingleRule = (node, dy, b) => {
  const plain =
    intAttribute(node, 'transA', 0) === 0 &&
    floatAttribute(node, 'alpha', 1) === 1 &&
    floatAttribute(node, 'beta', 1) === 1
  if (!plain)
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: 'Gemm with alpha, beta or transA cannot be differentiated',
    })
  const [x, w, c] = [inputOf(node, 0), inputOf(node, 1), node.inputs[2]]
  const turned = intAttribute(node, 'transB', 0) === 1
  const dx = b.node('Gemm', [dy, w], turned ? {} : { attributes: { transB: int(1) } })
  const dw = b.node('Gemm', turned ? [dy, x] : [x, dy], { attributes: { transA: int(1) } })
  return c === undefined ? [dx, dw] : [dx, dw, unbroadcast(b, dy, b.shape(c))]
}

export const matMulGradients = ofFirstOutput({ MatMul: matMul, Gemm: gemm })
