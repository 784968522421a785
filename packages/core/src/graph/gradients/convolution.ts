/**
 * Gradients of convolutions. That of the input is the transposed convolution with the same weights. That of the weights is a product: every window of the input
 * as a column (im2col; Chellapilla et al. 2006), with the gradient of what the window became, summed over the batch.
 */
import type { GraphBuilder } from '../builder.ts'
import { int, ints, type Node } from '../ir.ts'
import { refused } from '../shapes/rule.ts'
import { groupsOf } from '../shapes/windows.ts'
import { coveredExtents, spatialOf, type Windows, windowCounts, windowsOf } from '../windows.ts'
import { fixedShape, inputOf, ofFirstOutput, type SingleRule } from './rule.ts'

const convolution: SingleRule = (node, dy, b) => {
  const [x, w, bias] = [inputOf(node, 0), inputOf(node, 1), node.inputs[2]]
  const weights = fixedShape(b, w)
  const extents = spatialOf(b.shape(x)).map(Number)
  const windows = windowsOf(node, extents, weights.slice(2))
  const groups = groupsOf(node)
  // What no window reaches behind the last one.
  const left = coveredExtents(windows, windowCounts(windows, extents)).map(
    (covered, axis) => (extents[axis] ?? 0) - covered,
  )
  const dx = b.node('ConvTranspose', [dy, w], {
    attributes: { ...attributesOf(windows, groups), output_padding: ints(left) },
  })
  const dw = weightGradient(b, { over: x, of: dy, windows, groups, weights })
  return bias === undefined ? [dx, dw] : [dx, dw, channelSums(b, dy)]
}

/** The convolution that it transposes has its output as input, and the other way round. */
const transposed: SingleRule = (node, dy, b) => {
  const [x, w, bias] = [inputOf(node, 0), inputOf(node, 1), node.inputs[2]]
  const weights = fixedShape(b, w)
  const windows = windowsOf(node, spatialOf(b.shape(x)), weights.slice(2))
  const groups = groupsOf(node)
  const dx = b.node('Conv', [dy, w], { attributes: attributesOf(windows, groups) })
  const dw = weightGradient(b, { over: dy, of: x, windows, groups, weights })
  return bias === undefined ? [dx, dw] : [dx, dw, channelSums(b, dy)]
}

const attributesOf = ({ kernel, strides, dilations, begins, ends }: Windows, groups: number): Node['attributes'] => ({
  kernel_shape: ints(kernel),
  strides: ints(strides),
  dilations: ints(dilations),
  pads: ints([...begins, ...ends]),
  group: int(groups),
})

/** The gradient of a bias: over everything but channels. */
function channelSums(b: GraphBuilder, dy: string): string {
  const axes = b.shape(dy).flatMap((_, axis) => (axis === 1 ? [] : [axis]))
  return b.node('ReduceSum', [dy, b.axes(axes)], { attributes: { keepdims: int(0) } })
}

type Correlation = {
  /** [batch, channels, …]: what the windows move over. */
  readonly over: string
  /** [batch, outputs, …]: a value for each window and output. */
  readonly of: string
  readonly windows: Windows
  readonly groups: number
  /** [outputs, channels / groups, …kernel] */
  readonly weights: readonly number[]
}

/** Each is a node or two. */
const mostPlaces = 2 ** 12

function weightGradient(b: GraphBuilder, { over, of, windows, groups, weights }: Correlation): string {
  const [outputs = 1, inGroup = 1, ...kernel] = weights
  const places = kernel.reduce((product, extent) => product * extent, 1)
  if (places > mostPlaces)
    throw refused(`a convolution is differentiated with at most ${mostPlaces} places in a kernel`)
  const rows = b.node('Reshape', [of, b.axes([0, groups, outputs / groups, -1])])
  // One row for each channel and place in the kernel, one column for each window.
  const columns = b.node('Reshape', [windowColumns(b, over, windows), b.axes([0, groups, inGroup * places, -1])])
  const turned = b.node('Transpose', [columns], { attributes: { perm: ints([0, 1, 3, 2]) } })
  const summed = b.node('ReduceSum', [b.node('MatMul', [rows, turned]), b.axes([0])], {
    attributes: { keepdims: int(0) },
  })
  return b.node('Reshape', [summed, b.axes(weights)])
}

/** [batch, channels, places of the kernel, windows]. */
function windowColumns(b: GraphBuilder, x: string, windows: Windows): string {
  const { kernel, strides, dilations, begins, ends } = windows
  const [, channels = 0, ...extents] = b.shape(x).map(Number)
  const counts = windowCounts(windows, extents)
  const isPadded = [...begins, ...ends].some((zeros) => zeros > 0)
  const padded = isPadded ? b.node('Pad', [x, b.axes([0, 0, ...begins, 0, 0, ...ends])]) : x
  const axes = b.axes(kernel.map((_, axis) => axis + 2))
  const parts = offsetsOf(kernel).map((offset) => {
    const starts = offset.map((place, axis) => place * (dilations[axis] ?? 1))
    const behind = starts.map((start, axis) => start + ((counts[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1)
    const seen = b.node('Slice', [padded, b.axes(starts), b.axes(behind), axes, b.axes(strides)])
    return b.node('Reshape', [seen, b.axes([0, channels, 1, -1])])
  })
  const [only = ''] = parts
  return parts.length === 1 ? only : b.node('Concat', parts, { attributes: { axis: int(2) } })
}

/** Every place in a kernel, the last axis fastest. */
const offsetsOf = (kernel: readonly number[]): readonly (readonly number[])[] =>
  kernel.reduce<readonly (readonly number[])[]>(
    (made, extent) => made.flatMap((offset) => Array.from({ length: extent }, (_, place) => [...offset, place])),
    [[]],
  )

export const convolutionGradients = ofFirstOutput({
  Conv: convolution,
  ConvTranspose: transposed,
})
