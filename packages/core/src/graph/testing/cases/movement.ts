/** Random uses of operators that only move values. */
import fc from 'fast-check'
import { range } from '../../interpreter/values.ts'
import { int, ints, text } from '../../ir.ts'
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

const slice: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 }).map((extent) => extent + between(g, 0, 2))
  const axes = someAxes(g, shape.length)
  const bounds = (): readonly number[] => integersOf(g, axes.length, { min: -6, max: 6 })
  const isWhole = either(g)
  const steps = axes.map(() => (isWhole ? 1 : oneOf(g, [-3, -2, -1, 1, 2, 3])))
  const named = isWhole && either(g) ? [] : [constant(steps)]
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

const mirrored: Maker = (g) => {
  const mode = oneOf(g, ['reflect', 'edge'] as const)
  const shape = shapeOf(g, { least: 1, most: 3 })
  const pads = [...shape, ...shape].map((extent) => between(g, 0, mode === 'edge' ? 2 : extent - 1))
  return { operands: [{ value: floats(g, shape) }, constant(pads)], attributes: { mode: text(mode) } }
}

const tile: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  return { operands: [{ value: floats(g, shape) }, constant(shape.map(() => between(g, 1, 3)))], attributes: {} }
}

const flatten: Maker = (g) => {
  const shape = shapeOf(g)
  const axis = between(g, -shape.length, shape.length)
  return { ...plain(floats(g, shape)), attributes: shape.length > 0 && either(g) ? {} : { axis: int(axis) } }
}

const triangle: Maker = (g) => {
  const value = { value: floats(g, shapeOf(g, { least: 2 })) }
  const diagonal: Operand = { value: { type: 'int64', shape: [], data: [between(g, -3, 3)] }, constant: true }
  return {
    operands: either(g) ? [value] : [value, diagonal],
    attributes: either(g) ? {} : { upper: int(between(g, 0, 1)) },
  }
}

export const movementCases: Cases = {
  operators: {
    Transpose: transpose,
    Reshape: reshape,
    Unsqueeze: unsqueeze,
    Squeeze: squeeze,
    Expand: expand,
    Concat: concat,
    Slice: slice,
    Pad: (g) => (either(g) ? pad(g) : mirrored(g)),
    Tile: tile,
    Flatten: flatten,
    Trilu: triangle,
  },
  gradients: {
    Transpose: transpose,
    Reshape: reshape,
    Unsqueeze: unsqueeze,
    Squeeze: squeeze,
    Expand: expand,
    Concat: concat,
    Slice: slice,
    Pad: pad,
    Tile: tile,
    Flatten: flatten,
    Trilu: triangle,
  },
}
