/** Gradients of operators that only move values. */

import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { intAttribute, ints, intsAttribute, type Shape } from '../ir.ts'
import { cutsOf, padsOf } from '../shapes/movement.ts'
import { fixedShape, inputOf, ofFirstOutput, type SingleRule, unbroadcast } from './rule.ts'

/** Back to the shape of the node's first input. */
const reshaped: SingleRule = (node, dy, b) => [b.node('Reshape', [dy, b.axes(fixedShape(b, inputOf(node, 0)))])]

const transpose: SingleRule = (node, dy, b) => {
  const rank = b.shape(dy).length
  const order = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  const inverse = order.map((_, axis) => order.indexOf(axis))
  return [b.node('Transpose', [dy], { attributes: { perm: ints(inverse) } })]
}

/** Repeated values get the sum of what was made of them. */
const expand: SingleRule = (node, dy, b) => [unbroadcast(b, dy, b.shape(inputOf(node, 0)))]

/** Zeros where nothing was taken. */
const slice: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const shape = b.shape(x)
  const cuts = cutsOf(node, shape, b)
  if (cuts.some(({ step }) => step !== 1))
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'Slice is differentiated with steps of 1' })
  const [begins, ends] = [shape.map(() => 0), shape.map(() => 0)]
  for (const { axis, start, count } of cuts) {
    begins[axis] = start
    ends[axis] = Number(shape[axis]) - start - count
  }
  return [b.node('Pad', [dy, b.axes([...begins, ...ends])])]
}

/** From `start` on each axis, as far as `shape` reaches; symbolic axes are whole. */
export function cutOut(
  b: GraphBuilder,
  dy: string,
  { starts, shape }: { starts: readonly number[]; shape: Shape },
): string {
  const axes = shape.flatMap((extent, axis) =>
    typeof extent === 'number' && extent !== b.shape(dy)[axis] ? [{ axis, start: starts[axis] ?? 0, extent }] : [],
  )
  if (axes.length === 0) return dy
  const of = (value: (cut: { axis: number; start: number; extent: number }) => number): string =>
    b.axes(axes.map(value))
  return b.node('Slice', [
    dy,
    of(({ start }) => start),
    of(({ start, extent }) => start + extent),
    of(({ axis }) => axis),
  ])
}

/** Errors: WR_GRAPH_REFUSED where what is put there is computed. */
const pad: SingleRule = (node, dy, b) => {
  const value = node.inputs[2] ?? ''
  if (value !== '' && b.constant(value) === undefined)
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'Pad is differentiated with a constant value' })
  const shape = b.shape(inputOf(node, 0))
  return [cutOut(b, dy, { starts: padsOf(node, shape.length, b).begins, shape })]
}

/** Each part gets its own. */
const concat: SingleRule = (node, dy, b) => {
  const rank = b.shape(dy).length
  const axis = (intAttribute(node, 'axis', 0) + rank) % rank
  let at = 0
  return node.inputs.map((part) => {
    const shape = b.shape(part)
    const starts = shape.map((_, other) => (other === axis ? at : 0))
    at += Number(shape[axis])
    return cutOut(b, dy, { starts, shape })
  })
}

export const movementGradients = ofFirstOutput({
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Slice: slice,
  Pad: pad,
})
