/** Convolutions of the reference interpreter, term by term as their documents define them. */
import { intAttribute, intsAttribute, type Node } from '../../ir.ts'
import { at, build, type NumberValue, numbers, type Place, places, range, type Value } from '../values.ts'

type Geometry = {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly pads: readonly number[]
  readonly groups: number
}

function geometryOf(
  node: Node,
  { extents, kernel }: { extents: readonly number[]; kernel: readonly number[] },
): Geometry {
  const axes = kernel.length
  const strides = intsAttribute(node, 'strides') ?? range(axes).map(() => 1)
  const dilations = intsAttribute(node, 'dilations') ?? range(axes).map(() => 1)
  const attribute = node.attributes.auto_pad
  const same = attribute?.kind === 'string' && attribute.value.startsWith('SAME') ? attribute.value : undefined
  const zeros = range(axes).map((axis) => {
    const [stride, reach] = [strides[axis] ?? 1, ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1]
    const outputs = Math.ceil((extents[axis] ?? 0) / stride)
    return Math.max((outputs - 1) * stride + reach - (extents[axis] ?? 0), 0)
  })
  const first = zeros.map((count) => (same === 'SAME_LOWER' ? count - (count >> 1) : count >> 1))
  const pads =
    same === undefined
      ? (intsAttribute(node, 'pads') ?? range(2 * axes).map(() => 0))
      : [...first, ...zeros.map((count, axis) => count - (first[axis] ?? 0))]
  return { kernel, strides, dilations, pads, groups: intAttribute(node, 'group', 1) }
}

/** Where the value of a kernel's place is, for the window at `window`. */
const under = ({ strides, dilations, pads }: Geometry, window: Place, offset: Place): Place =>
  window.map(
    (index, axis) => index * (strides[axis] ?? 1) + (offset[axis] ?? 0) * (dilations[axis] ?? 1) - (pads[axis] ?? 0),
  )

const isWithin = (place: Place, extents: readonly number[]): boolean =>
  place.every((index, axis) => index >= 0 && index < (extents[axis] ?? 0))

type Inputs = readonly (Value | undefined)[]
const operand = (inputs: Inputs, index: number): NumberValue =>
  numbers(inputs[index] ?? { type: 'string', shape: [], data: [] })

export function convolution(node: Node, inputs: Inputs): NumberValue {
  const [x, w] = [operand(inputs, 0), operand(inputs, 1)]
  const [extents, kernel] = [x.shape.slice(2), w.shape.slice(2)]
  const geometry = geometryOf(node, { extents, kernel })
  const [outputs = 0, inGroup = 0] = w.shape
  const counts = extents.map((extent, axis) => {
    const padded = extent + (geometry.pads[axis] ?? 0) + (geometry.pads[axis + kernel.length] ?? 0)
    return (
      Math.floor(
        (padded - (geometry.dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) - 1) / (geometry.strides[axis] ?? 1),
      ) + 1
    )
  })
  return build(x.type, [x.shape[0] ?? 0, outputs, ...counts], ([example = 0, output = 0, ...window]) => {
    const first = Math.floor(output / (outputs / geometry.groups)) * inGroup
    let sum = inputs[2] === undefined ? 0 : at(inputs[2], [output])
    for (const channel of range(inGroup))
      for (const offset of places(kernel)) {
        const source = under(geometry, window, offset)
        if (isWithin(source, extents))
          sum += at(w, [output, channel, ...offset]) * at(x, [example, first + channel, ...source])
      }
    return sum
  })
}

export function transposedConvolution(node: Node, inputs: Inputs): NumberValue {
  const [x, w] = [operand(inputs, 0), operand(inputs, 1)]
  const [extents, kernel] = [x.shape.slice(2), w.shape.slice(2)]
  const geometry = geometryOf(node, { extents, kernel })
  const [channels = 0, inGroup = 0] = w.shape
  const more = intsAttribute(node, 'output_padding') ?? kernel.map(() => 0)
  const made = extents.map(
    (extent, axis) =>
      (geometry.strides[axis] ?? 1) * (extent - 1) +
      (more[axis] ?? 0) +
      ((kernel[axis] ?? 1) - 1) * (geometry.dilations[axis] ?? 1) +
      1 -
      (geometry.pads[axis] ?? 0) -
      (geometry.pads[axis + kernel.length] ?? 0),
  )
  const shape = [x.shape[0] ?? 0, inGroup * geometry.groups, ...made]
  const sums = new Map<string, number>()
  for (const [example = 0, channel = 0, ...window] of places(x.shape))
    for (const output of range(inGroup))
      for (const offset of places(kernel)) {
        const target = under(geometry, window, offset)
        const key = [example, Math.floor(channel / (channels / geometry.groups)) * inGroup + output, ...target].join()
        const term = at(x, [example, channel, ...window]) * at(w, [channel, output, ...offset])
        if (isWithin(target, made)) sums.set(key, (sums.get(key) ?? 0) + term)
      }
  return build(
    x.type,
    shape,
    (place) => (sums.get(place.join()) ?? 0) + (inputs[2] === undefined ? 0 : at(inputs[2], [place[1] ?? 0])),
  )
}
