/** Random uses of operators that only move values. */
import fc from 'fast-check'
import { int, ints } from '../../ir.ts'
import {
  between,
  broadcastable,
  constant,
  either,
  floats,
  integersOf,
  type Operand,
  oneOf,
  plain,
  shapeOf,
  signed,
  someAxes,
} from '../draws.ts'
import { range } from '../values.ts'
import type { Cases, Maker } from './maker.ts'

const transpose: Maker = (g) => {
  const shape = shapeOf(g)
  const order = g(fc.shuffledSubarray<number>, [...range(shape.length)], { minLength: shape.length })
  return { ...plain(floats(g, shape)), attributes: either(g) ? {} : { perm: ints(order) } }
}

/** Another shape of the same size, at times with one extent left to work out, or copied. */
const reshape: Maker = (g) => {
  const shape = shapeOf(g)
  const shuffled = g(fc.shuffledSubarray<number>, [...shape], { minLength: shape.length })
  const merged =
    either(g) && shuffled.length > 1 ? [(shuffled[0] ?? 1) * (shuffled[1] ?? 1), ...shuffled.slice(2)] : shuffled
  const place = between(g, 0, Math.max(0, merged.length - 1))
  const copies = merged.map((extent, axis) => (extent === shape[axis] && either(g) ? 0 : extent))
  const target = merged.length > 0 && either(g) ? copies.with(place, -1) : copies
  return { operands: [{ value: floats(g, shape) }, constant(target)], attributes: {} }
}

const unsqueeze: Maker = (g) => {
  const shape = shapeOf(g, { most: 2 })
  const rank = shape.length + between(g, 1, 2)
  const axes = g(fc.shuffledSubarray<number>, [...range(rank)], {
    minLength: rank - shape.length,
    maxLength: rank - shape.length,
  }).map((axis) => signed(g, axis, rank))
  return { operands: [{ value: floats(g, shape) }, constant(axes)], attributes: {} }
}

const squeeze: Maker = (g) => {
  const shape = shapeOf(g).map((extent) => (either(g) ? 1 : extent))
  const ones = shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []))
  if (either(g) && either(g)) return plain(floats(g, shape))
  const axes = g(fc.shuffledSubarray<number>, ones, { minLength: Math.min(1, ones.length) })
  const named = axes.map((axis) => signed(g, axis, shape.length))
  return { operands: [{ value: floats(g, shape) }, constant(named)], attributes: {} }
}

const expand: Maker = (g) => {
  const [from = [], target = []] = broadcastable(g, 2)
  return { operands: [{ value: floats(g, from) }, constant(target)], attributes: {} }
}

const concat: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  const parts = range(between(g, 1, 3)).map(() => floats(g, shape.with(axis, between(g, 1, 3))))
  return { ...plain(...parts), attributes: { axis: int(signed(g, axis, shape.length)) } }
}

/** `whole`: in steps of 1, as the gradient rule takes it. */
const slice =
  ({ whole }: { whole: boolean }): Maker =>
  (g) => {
    const shape = shapeOf(g, { least: 1, most: 3 })
    const axes = someAxes(g, shape.length)
    const bounds = (): readonly number[] => integersOf(g, axes.length, { min: -5, max: 5 })
    const steps = axes.map(() => (whole ? 1 : oneOf(g, [-2, -1, 1, 2])))
    const named = whole && either(g) ? [] : [constant(steps)]
    return {
      operands: [{ value: floats(g, shape) }, constant(bounds()), constant(bounds()), constant(axes), ...named],
      attributes: {},
    }
  }

const pad: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const pads = integersOf(g, 2 * shape.length, { min: 0, max: 2 })
  const value: Operand = { value: { type: 'float32', shape: [], data: [1.5] }, constant: true }
  return { operands: [{ value: floats(g, shape) }, constant(pads), ...(either(g) ? [value] : [])], attributes: {} }
}

export const movementCases: Cases = {
  operators: {
    Transpose: transpose,
    Reshape: reshape,
    Unsqueeze: unsqueeze,
    Squeeze: squeeze,
    Expand: expand,
    Concat: concat,
    Slice: slice({ whole: false }),
    Pad: pad,
  },
  gradients: {
    Transpose: transpose,
    Reshape: reshape,
    Unsqueeze: unsqueeze,
    Squeeze: squeeze,
    Expand: expand,
    Concat: concat,
    Slice: slice({ whole: true }),
    Pad: pad,
  },
}
