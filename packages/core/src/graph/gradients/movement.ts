/** Gradients of operators that only move values. */

import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { int, intAttribute, ints, intsAttribute, text } from '../ir.ts'
import { fixedShape, type GradientRule, inputOf, unbroadcast } from './rule.ts'

/** Back to the shape of the node's first input. */
const reshaped: GradientRule = (node, dy, b) => [b.node('Reshape', [dy, b.axes(fixedShape(b, inputOf(node, 0)))])]

const transpose: GradientRule = (node, dy, b) => {
  const rank = b.shape(dy).length
  const order = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  const inverse = order.map((_, axis) => order.indexOf(axis))
  return [b.node('Transpose', [dy], { attributes: { perm: ints(inverse) } })]
}

/** Rows picked from a table by a vector of indices: each row's gradients are added up where it came from. */
const gather: GradientRule = (node, dy, b) => {
  const [table, indices] = [inputOf(node, 0), inputOf(node, 1)]
  if (intAttribute(node, 'axis', 0) !== 0 || b.shape(indices).length !== 1) {
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: 'Gather is differentiated along axis 0, by a vector of indices',
    })
  }
  // ScatterND takes int64 alone.
  const long = b.info(indices).type === 'int64' ? indices : b.node('Cast', [indices], { attributes: { to: int(7) } })
  const places = b.node('Unsqueeze', [long, b.axes([1])])
  return [b.node('ScatterND', [zeros(b, table), places, dy], { attributes: { reduction: text('add') } }), undefined]
}

const zeros = (b: GraphBuilder, like: string): string => b.node('Expand', [b.scalar(0), b.axes(fixedShape(b, like))])

/** Repeated values get the sum of what was made of them. */
const expand: GradientRule = (node, dy, b) => [unbroadcast(b, dy, b.shape(inputOf(node, 0)))]

export const movementGradients: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: expand,
  Gather: gather,
}
