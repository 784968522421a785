/** Gradients of operators that only move values. */

import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { intAttribute, ints, intsAttribute, type Shape } from '../ir.ts'
import { cutsOf, padsOf } from '../shapes/movement.ts'
import { fixedShape, inputOf, ofFirstOutput, type SingleRule, unbroadcast, zeros } from './rule.ts'

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

/** Zeros where nothing was taken: before, between and behind. */
const slice: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const shape = b.shape(x)
  const cuts = cutsOf(node, shape, b)
  if (cuts.some(({ count }) => count === 0)) return [zeros(b, x)]
  const [begins, ends] = [shape.map(() => 0), shape.map(() => 0)]
  let spread = dy
  for (const { axis, start, step, count } of cuts) {
    const last = start + (count - 1) * step
    begins[axis] = Math.min(start, last)
    ends[axis] = Number(shape[axis]) - 1 - Math.max(start, last)
    if (step < 0) spread = turned(b, spread, axis)
    if (Math.abs(step) > 1) spread = spaced(b, spread, { axis, step: Math.abs(step), count })
  }
  return [b.node('Pad', [spread, b.axes([...begins, ...ends])])]
}

/** In the other direction. */
const turned = (b: GraphBuilder, x: string, axis: number): string =>
  b.node('Slice', [x, b.axes([-1]), b.axes([-(2 ** 31)]), b.axes([axis]), b.axes([-1])])

/** `step` − 1 zeros between elements of an axis. */
function spaced(
  b: GraphBuilder,
  x: string,
  { axis, step, count }: { axis: number; step: number; count: number },
): string {
  const apart = b.node('Unsqueeze', [x, b.axes([axis + 1])])
  const rank = b.shape(apart).length
  const ends = Array.from({ length: 2 * rank }, (_, place) => (place === rank + axis + 1 ? step - 1 : 0))
  const padded = b.node('Pad', [apart, b.axes(ends)])
  const target = fixedShape(b, x).with(axis, count * step)
  const joined = b.node('Reshape', [padded, b.axes(target)])
  const whole = (count - 1) * step + 1
  return b.node('Slice', [joined, b.axes([0]), b.axes([whole]), b.axes([axis])])
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

/** Errors: WR_GRAPH_REFUSED where what is put there is computed, or made of what is there. */
const pad: SingleRule = (node, dy, b) => {
  const value = node.inputs[2] ?? ''
  if (value !== '' && b.constant(value) === undefined)
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'Pad is differentiated with a constant value' })
  const shape = b.shape(inputOf(node, 0))
  const { begins, mode } = padsOf(node, shape.length, b)
  if (mode !== 'constant')
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'Pad is differentiated where it puts a constant' })
  return [cutOut(b, dy, { starts: begins, shape })]
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

/** Every copy has its part. */
const tile: SingleRule = (node, dy, b) => {
  const shape = fixedShape(b, inputOf(node, 0))
  const made = fixedShape(b, dy)
  const repeats = shape.map((extent, axis) => (extent === 0 ? 1 : (made[axis] ?? 0) / extent))
  const axes = repeats.flatMap((count, axis) => (count === 1 ? [] : [2 * axis]))
  if (axes.length === 0) return [dy]
  const copies = b.node('Reshape', [dy, b.axes(shape.flatMap((extent, axis) => [repeats[axis] ?? 1, extent]))])
  return [b.node('Reshape', [b.node('ReduceSum', [copies, b.axes(axes)]), b.axes(shape)])]
}

/** What was cleared passes nothing. */
const triangle: SingleRule = (node, dy, b) => [
  b.node('Trilu', [dy, ...node.inputs.slice(1)], { attributes: node.attributes }),
]

export const movementGradients = ofFirstOutput({
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Tile: tile,
  Flatten: reshaped,
  Trilu: triangle,
})
