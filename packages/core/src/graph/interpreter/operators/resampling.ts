/** What makes images larger or smaller: Resize from its document's formulas, value by value. */
import { intAttribute, type Node } from '../../ir.ts'
import { at, build, numbers, places, rearranged, type Value } from '../values.ts'
import { input, type Operator, type Operators } from './operator.ts'

const said = (node: Node, name: string, otherwise: string): string => {
  const attribute = node.attributes[name]
  return attribute?.kind === 'string' ? attribute.value : otherwise
}

type Axis = { readonly from: number; readonly to: number; readonly scale: number }

function originalOf(node: Node, { from, to, scale }: Axis, index: number): number {
  switch (said(node, 'coordinate_transformation_mode', 'half_pixel')) {
    case 'align_corners':
      return to === 1 ? 0 : (index * (from - 1)) / (to - 1)
    case 'asymmetric':
      return index / scale
    case 'pytorch_half_pixel':
      return to === 1 ? 0 : (index + 0.5) / scale - 0.5
    default:
      return (index + 0.5) / scale - 0.5
  }
}

/** Which elements count how much. */
function taps(node: Node, axis: Axis, index: number): readonly (readonly [source: number, weight: number])[] {
  if (axis.from === axis.to && axis.scale === 1) return [[index, 1]]
  const x = originalOf(node, axis, index)
  const edge = (place: number): number => Math.min(axis.from - 1, Math.max(0, place))
  const below = Math.floor(x)
  if (said(node, 'mode', 'nearest') === 'linear')
    return [
      [edge(below), 1 - (x - below)],
      [edge(below + 1), x - below],
    ]
  const isHalf = x - below === 0.5
  switch (said(node, 'nearest_mode', 'round_prefer_floor')) {
    case 'floor':
      return [[edge(below), 1]]
    case 'ceil':
      return [[edge(Math.ceil(x)), 1]]
    case 'round_prefer_ceil':
      return [[edge(isHalf ? below + 1 : Math.round(x)), 1]]
    default:
      return [[edge(isHalf ? below : Math.round(x)), 1]]
  }
}

const isGiven = (value: Value | undefined): value is Value => value !== undefined && value.data.length > 0

const resize: Operator = (node, inputs) => {
  const [x, scales, sizes] = [numbers(input(inputs, 0)), inputs[2], inputs[3]]
  const axes = x.shape.map((from, axis): Axis => {
    if (isGiven(scales)) return { from, to: Math.floor(from * at(scales, [axis])), scale: at(scales, [axis]) }
    const to = at(input([sizes], 0), [axis])
    return { from, to, scale: to / from }
  })
  return build(
    x.type,
    axes.map(({ to }) => to),
    (place) => {
      const each = axes.map((axis, index) => taps(node, axis, place[index] ?? 0))
      return places(each.map(({ length }) => length)).reduce((sum, choice) => {
        const chosen = choice.map((tap, axis) => each[axis]?.[tap] ?? ([0, 0] as const))
        const weight = chosen.reduce((product, [, part]) => product * part, 1)
        return (
          sum +
          weight *
            at(
              x,
              chosen.map(([source]) => source),
            )
        )
      }, 0)
    },
  )
}

const depthToSpace: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape
  const size = intAttribute(node, 'blocksize', 1)
  const made = channels / (size * size)
  return rearranged(x, [batch, made, height * size, width * size], ([n = 0, c = 0, h = 0, w = 0]) => {
    const block = (h % size) * size + (w % size)
    const source = said(node, 'mode', 'DCR') === 'DCR' ? block * made + c : c * size * size + block
    return [n, source, Math.floor(h / size), Math.floor(w / size)]
  })
}

const spaceToDepth: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape
  const size = intAttribute(node, 'blocksize', 1)
  return rearranged(x, [batch, channels * size * size, height / size, width / size], ([n = 0, c = 0, h = 0, w = 0]) => {
    const block = Math.floor(c / channels)
    return [n, c % channels, h * size + Math.floor(block / size), w * size + (block % size)]
  })
}

export const resamplingOperators: Operators = {
  Resize: resize,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
}
