/** Poolings of the reference interpreter: each window is a list of places, of which those outside the input are left out or count as padding. */
import { intAttribute, intsAttribute, type Node } from '../../ir.ts'
import { at, build, type NumberValue, numbers, type Place, places, range } from '../values.ts'
import { input, type Operator, type Operators, total } from './operator.ts'

/** On one axis. */
type Line = { readonly places: (window: number) => readonly number[]; readonly count: number; readonly end: number }

function lineOf(node: Node, axis: number, extent: number): Line {
  const axes = intsAttribute(node, 'kernel_shape')?.length ?? 0
  const entry = (name: string, otherwise: number, index = axis): number =>
    intsAttribute(node, name)?.[index] ?? otherwise
  const [kernel, stride, dilation] = [entry('kernel_shape', 1), entry('strides', 1), entry('dilations', 1)]
  const attribute = node.attributes.auto_pad
  const how = attribute?.kind === 'string' ? attribute.value : 'NOTSET'
  const lacking = Math.max(0, (Math.ceil(extent / stride) - 1) * stride + kernel - extent)
  const half = how === 'SAME_UPPER' ? Math.floor(lacking / 2) : Math.ceil(lacking / 2)
  const [begin, end] = how.startsWith('SAME')
    ? [half, lacking - half]
    : [entry('pads', 0), entry('pads', 0, axis + axes)]
  const round = intAttribute(node, 'ceil_mode', 0) === 1 ? Math.ceil : Math.floor
  const count = round((begin + extent + end - dilation * (kernel - 1) - 1) / stride) + 1
  return {
    places: (window) => range(kernel).map((offset) => window * stride - begin + offset * dilation),
    // A window that would begin behind the input is not there.
    count: (count - 1) * stride - begin >= extent ? count - 1 : count,
    end: extent + end,
  }
}

const isWithin = (place: Place, extents: readonly number[]): boolean =>
  place.every((index, axis) => index >= 0 && index < (extents[axis] ?? 0))

type Seen = { readonly values: readonly number[]; readonly inside: readonly Place[]; readonly padded: number }

/** Values of every window, row by row. `padded` counts the places that are in the input or its padding. */
function windows(node: Node, x: NumberValue): { shape: readonly number[]; seen: (place: Place) => Seen } {
  const extents = x.shape.slice(2)
  const lines = extents.map((extent, axis) => lineOf(node, axis, extent))
  return {
    shape: [...x.shape.slice(0, 2), ...lines.map(({ count }) => count)],
    seen: ([example = 0, channel = 0, ...window]) => {
      const all = lines
        .map((line, axis) => line.places(window[axis] ?? 0))
        .reduce<Place[]>((made, next) => made.flatMap((place) => next.map((index) => [...place, index])), [[]])
      const inside = all.filter((place) => isWithin(place, extents)).map((place) => [example, channel, ...place])
      const padded = all.filter((place) => place.every((index, axis) => index < (lines[axis]?.end ?? 0))).length
      return { values: inside.map((place) => at(x, place)), inside, padded }
    },
  }
}

const maxPool: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const { shape, seen } = windows(node, x)
  // The first of equal ones.
  const indices = build('int64', shape, (place) => {
    const { values, inside } = seen(place)
    const winner = inside[values.indexOf(Math.max(...values))] ?? []
    return x.shape.reduce((sum, extent, axis) => sum * extent + (winner[axis] ?? 0), 0)
  })
  return [build(x.type, shape, (place) => Math.max(...seen(place).values)), indices]
}

const averagePool: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const { shape, seen } = windows(node, x)
  const counts = intAttribute(node, 'count_include_pad', 0) === 1
  return build(x.type, shape, (place) => {
    const { values, padded } = seen(place)
    return total(values) / (counts ? padded : values.length)
  })
}

const globally =
  (f: (values: readonly number[]) => number): Operator =>
  (_, inputs) => {
    const x = numbers(input(inputs, 0))
    return build(
      x.type,
      x.shape.map((extent, axis) => (axis < 2 ? extent : 1)),
      ([example = 0, channel = 0]) => f(places(x.shape.slice(2)).map((place) => at(x, [example, channel, ...place]))),
    )
  }

export const poolingOperators: Operators = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalMaxPool: globally((values) => Math.max(...values)),
  GlobalAveragePool: globally((values) => total(values) / values.length),
}
