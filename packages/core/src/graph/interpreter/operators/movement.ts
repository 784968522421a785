/** Operators that only move values. */

import { intAttribute, intsAttribute } from '../../ir.ts'
import { at, build, commonShape, numbers, range, rearranged, type Value } from '../values.ts'
import { axesOf, input, type Operator, type Operators, positive } from './operator.ts'

const transpose: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const order = intsAttribute(node, 'perm') ?? range(x.shape.length).toReversed()
  return rearranged(
    x,
    order.map((axis) => x.shape[axis] ?? 0),
    (place) => range(order.length).map((axis) => place[order.indexOf(axis)] ?? 0),
  )
}

const reshaped = (value: Value, shape: readonly number[]): Value =>
  value.type === 'string' ? { ...value, shape } : { ...value, shape }

const reshape: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const wanted = numbers(input(inputs, 1)).data
  const zeros = intAttribute(node, 'allowzero', 0) === 1
  const copied = wanted.map((extent, axis) => (extent === 0 && !zeros ? (x.shape[axis] ?? 0) : extent))
  const known = copied.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1)
  return reshaped(
    x,
    copied.map((extent) => (extent === -1 ? x.data.length / known : extent)),
  )
}

const unsqueeze: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const rank = x.shape.length + numbers(input(inputs, 1)).data.length
  const axes = axesOf(inputs, rank) ?? []
  const rest = [...x.shape]
  return reshaped(
    x,
    range(rank).map((axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 0))),
  )
}

const squeeze: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const axes = axesOf(inputs, x.shape.length)
  return reshaped(
    x,
    x.shape.filter((extent, axis) => (axes === undefined ? extent !== 1 : !axes.includes(axis))),
  )
}

const expand: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const shape = commonShape([x.shape, numbers(input(inputs, 1)).data])
  return rearranged(x, shape, (place) =>
    place.slice(shape.length - x.shape.length).map((index, axis) => (x.shape[axis] === 1 ? 0 : index)),
  )
}

const concat: Operator = (node, inputs) => {
  const parts = inputs.map((_, index) => numbers(input(inputs, index)))
  const first = numbers(input(inputs, 0))
  const axis = positive(intAttribute(node, 'axis', 0), first.shape.length)
  const whole = parts.flatMap((part) => range(part.shape[axis] ?? 0).map((index) => ({ part, index })))
  return build(first.type, first.shape.with(axis, whole.length), (place) => {
    const { part, index } = whole[place[axis] ?? 0] ?? { part: first, index: 0 }
    return at(part, place.with(axis, index))
  })
}

/** Bounds as Python's slices have them. */
const slice: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const of = (index: number): readonly number[] | undefined => inputs[index] && numbers(inputs[index]).data
  const [starts = [], ends = [], axes = range(starts.length), steps = []] = [of(1), of(2), of(3), of(4)]
  const taken = x.shape.map((extent) => range(extent))
  for (const [index, named] of axes.entries()) {
    const axis = positive(named, x.shape.length)
    const [extent, step] = [x.shape[axis] ?? 0, steps[index] ?? 1]
    const clamped = (bound: number): number =>
      Math.max(step > 0 ? 0 : -1, Math.min(step > 0 ? extent : extent - 1, bound < 0 ? bound + extent : bound))
    const found: number[] = []
    const end = clamped(ends[index] ?? 0)
    for (let at = Math.max(0, clamped(starts[index] ?? 0)); step > 0 ? at < end : at > end; at += step) found.push(at)
    taken[axis] = found
  }
  return rearranged(
    x,
    taken.map(({ length }) => length),
    (place) => place.map((index, axis) => taken[axis]?.[index] ?? 0),
  )
}

/** The place outside `extent` that a mode makes one inside. */
function folded(mode: string, index: number, extent: number): number {
  if (mode === 'edge') return Math.max(0, Math.min(extent - 1, index))
  return index < 0 ? -index : index >= extent ? 2 * (extent - 1) - index : index
}

const pad: Operator = (node, inputs) => {
  const [x, pads] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)).data]
  const rank = x.shape.length
  const mode = node.attributes.mode?.kind === 'string' ? node.attributes.mode.value : 'constant'
  const value = inputs[2] === undefined ? 0 : at(inputs[2], [])
  const shape = x.shape.map((extent, axis) => extent + (pads[axis] ?? 0) + (pads[axis + rank] ?? 0))
  return build(x.type, shape, (place) => {
    const source = place.map((index, axis) => index - (pads[axis] ?? 0))
    if (mode !== 'constant')
      return at(
        x,
        source.map((index, axis) => folded(mode, index, x.shape[axis] ?? 0)),
      )
    return source.every((index, axis) => index >= 0 && index < (x.shape[axis] ?? 0)) ? at(x, source) : value
  })
}

const tile: Operator = (_, inputs) => {
  const [x, repeats] = [input(inputs, 0), numbers(input(inputs, 1)).data]
  return rearranged(
    x,
    x.shape.map((extent, axis) => extent * (repeats[axis] ?? 1)),
    (place) => place.map((index, axis) => index % (x.shape[axis] ?? 1)),
  )
}

const flatten: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const lead = x.shape.slice(0, intAttribute(node, 'axis', 1)).reduce((product, extent) => product * extent, 1)
  return reshaped(x, [lead, x.data.length / lead])
}

const triangle: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const diagonal = inputs[1] === undefined ? 0 : at(inputs[1], [])
  const isUpper = intAttribute(node, 'upper', 1) === 1
  return build(x.type, x.shape, (place) => {
    const [row = 0, column = 0] = place.slice(-2)
    const isKept = isUpper ? column - row >= diagonal : column - row <= diagonal
    return isKept ? at(x, place) : 0
  })
}

export const movementOperators: Operators = {
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
}
