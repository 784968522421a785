/** Random uses of what is picked, or put, by indices. */
import fc from 'fast-check'
import { type Place, places, range, type Value } from '../../interpreter/values.ts'
import { type Attribute, int, text } from '../../ir.ts'
import {
  between,
  type Draw,
  either,
  floats,
  integersOf,
  type Made,
  oneOf,
  plain,
  shapeOf,
  signed,
  sizeOf,
} from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

/** Of an axis of so many, counted from either end. */
const indicesInto = (g: Draw, extent: number, shape: readonly number[]): Value => ({
  type: oneOf(g, ['int32', 'int64'] as const),
  shape,
  data: integersOf(g, sizeOf(shape), { min: -extent, max: extent - 1 }),
})

const axisAttribute = (g: Draw, axis: number, rank: number): Readonly<Record<string, Attribute>> =>
  axis === 0 && either(g) ? {} : { axis: int(signed(g, axis, rank)) }

const gather: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  const picked = either(g) && either(g) ? [] : shapeOf(g, { most: 2 })
  const indices = indicesInto(g, shape[axis] ?? 1, picked)
  return {
    operands: [{ value: floats(g, shape) }, { value: indices, constant: either(g) }],
    attributes: axisAttribute(g, axis, shape.length),
  }
}

/** An axis of a shape, and a shape that reaches no further on the others. */
function drawAlong(g: Draw): { shape: readonly number[]; axis: number; picked: readonly number[] } {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  return { shape, axis, picked: shape.map((extent, other) => between(g, 1, other === axis ? 3 : extent)) }
}

const gatherElements: Maker = (g) => {
  const { shape, axis, picked } = drawAlong(g)
  return {
    ...plain(floats(g, shape), indicesInto(g, shape[axis] ?? 1, picked)),
    attributes: axisAttribute(g, axis, shape.length),
  }
}

const reduction = (adds: boolean, g: Draw): Readonly<Record<string, Attribute>> =>
  adds ? { reduction: text('add') } : either(g) ? {} : { reduction: text('none') }

/** Without a reduction, two updates of one place have no order: each line has every index once. */
const scatterElements: Maker = (g) => {
  const { shape, axis, picked } = drawAlong(g)
  const adds = either(g)
  const extent = shape[axis] ?? 1
  const target = adds ? picked : picked.with(axis, between(g, 1, extent))
  const lines = new Map<string, readonly number[]>()
  const distinctOf = (place: Place): number => {
    const key = place.with(axis, 0).join()
    const line = lines.get(key) ?? g(fc.shuffledSubarray<number>, [...range(extent)], { minLength: extent })
    lines.set(key, line)
    return line[place[axis] ?? 0] ?? 0
  }
  const indices: Value = adds
    ? indicesInto(g, extent, target)
    : { type: 'int64', shape: target, data: places(target).map(distinctOf) }
  return {
    ...plain(floats(g, shape), indices, floats(g, target)),
    attributes: { ...axisAttribute(g, axis, shape.length), ...reduction(adds, g) },
  }
}

/** Vectors of indices into the first axes of a shape, each of which may be counted from the end. */
function drawPointers(g: Draw, isOnce: boolean): { shape: readonly number[]; indices: Value; rest: readonly number[] } {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const depth = between(g, 1, shape.length)
  const targets = places(shape.slice(0, depth))
  const last = targets.length - 1
  const chosen = isOnce
    ? g(fc.uniqueArray<number, number>, fc.integer({ min: 0, max: last }), { minLength: 1, maxLength: 4 })
    : integersOf(g, between(g, 1, 4), { min: 0, max: last })
  const data = chosen.flatMap((index) => (targets[index] ?? []).map((at, axis) => signed(g, at, shape[axis] ?? 1)))
  const lead = chosen.length === 4 && either(g) ? [2, 2] : [chosen.length]
  return { shape, indices: { type: 'int64', shape: [...lead, depth], data }, rest: shape.slice(depth) }
}

const gatherND: Maker = (g) => {
  const { shape, indices } = drawPointers(g, false)
  return plain(floats(g, shape), indices)
}

const scatterND: Maker = (g): Made => {
  const adds = either(g)
  const { shape, indices, rest } = drawPointers(g, !adds)
  const updates = floats(g, [...indices.shape.slice(0, -1), ...rest])
  return { ...plain(floats(g, shape), indices, updates), attributes: reduction(adds, g) }
}

const all: Cases['operators'] = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
}
export const indexingCases: Cases = { operators: all, gradients: all }
