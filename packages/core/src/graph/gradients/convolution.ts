/**
 * Gradients of convolutions. That of the input is the transposed convolution with the same weights. That of the weights is a product: every window of the input
 * as a column (im2col; Chellapilla et al. 2006), with the gradient of what the window became, summed over the batch. Places of a kernel that lie above each
 * other can be told apart on either side of that product: with as many copies of the gradient as the kernel has rows, there need be only as many of the input as it has
 * columns, which are fewer values to write and a product of better proportions.
 */
import { sizeOf } from '../../weights.ts'
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
  const dx = isTurnedWell({ windows, groups, weights })
    ? turnedConvolution(b, [dy, w], windows)
    : b.node('ConvTranspose', [dy, w], {
        attributes: { ...attributesOf(windows, groups), output_padding: ints(left) },
      })
  const dw = weightGradient(b, { over: x, of: dy, windows, groups, weights })
  return bias === undefined ? [dx, dw] : [dx, dw, channelSums(b, dy)]
}

/** With a step of 1 it is a convolution, too, which ONNX Runtime computes faster than a transposed one, if it makes channels enough. */
const isTurnedWell = ({ windows, groups, weights }: Pick<Correlation, 'windows' | 'groups' | 'weights'>): boolean =>
  groups === 1 &&
  (weights[1] ?? 0) >= 8 &&
  windows.strides.every((stride) => stride === 1) &&
  [...windows.begins, ...windows.ends].every((zeros, index) => zeros <= reach(windows, index % windows.kernel.length))

/** From a window's first element to its last. */
const reach = ({ kernel, dilations }: Windows, axis: number): number =>
  ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1)

/** The transposed convolution as one with its weights turned around in all axes, and channels for filters. */
function turnedConvolution(b: GraphBuilder, [dy, w]: readonly [string, string], windows: Windows): string {
  const axes = windows.kernel.map((_, axis) => axis + 2)
  const backwards = [axes.map(() => -1), windows.kernel.map((size) => -size - 1), axes, axes.map(() => -1)]
  const turned = b.node('Slice', [w, ...backwards.map((values) => b.axes(values))])
  const swapped = b.node('Transpose', [turned], { attributes: { perm: ints([1, 0, ...axes]) } })
  const rest = (zeros: readonly number[]): readonly number[] => zeros.map((zero, axis) => reach(windows, axis) - zero)
  const attributes = attributesOf({ ...windows, begins: rest(windows.begins), ends: rest(windows.ends) }, 1)
  return b.node('Conv', [dy, swapped], { attributes })
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

function weightGradient(b: GraphBuilder, correlation: Correlation): string {
  if (sizeOf(correlation.weights.slice(2)) > mostPlaces)
    throw refused(`a convolution is differentiated with at most ${mostPlaces} places in a kernel`)
  return isShiftedWell(b, correlation) ? shiftedProduct(b, correlation) : columnProduct(b, correlation)
}

function columnProduct(b: GraphBuilder, { over, of, windows, groups, weights }: Correlation): string {
  const [outputs = 1, inGroup = 1, ...kernel] = weights
  const values = sizeOf(kernel) * inGroup
  const rows = b.node('Reshape', [of, b.axes([0, groups, outputs / groups, -1])])
  // One row for each channel and place in the kernel, one column for each window.
  const columns = b.node('Reshape', [windowColumns(b, over, windows), b.axes([0, groups, values, -1])])
  // ONNX Runtime copies the right operand into an order of its own: it had better be the smaller one.
  const isSmall = outputs / groups < values
  const [left, right] = isSmall ? [columns, rows] : [rows, columns]
  const summed = productOverWindows(b, left, right)
  const inOrder = isSmall ? b.node('Transpose', [summed], { attributes: { perm: ints([0, 2, 1]) } }) : summed
  return b.node('Reshape', [inOrder, b.axes(weights)])
}

/** left · rightᵀ of [batch, groups, …, windows], summed over the batch. */
function productOverWindows(b: GraphBuilder, left: string, right: string): string {
  const turned = b.node('Transpose', [right], { attributes: { perm: ints([0, 1, 3, 2]) } })
  return b.node('ReduceSum', [b.node('MatMul', [left, turned]), b.axes([0])], { attributes: { keepdims: int(0) } })
}

/** Windows must step by 1 along the first axis, so that a row further up in the input is a row further down in the gradient; and it must be less to write. */
function isShiftedWell(b: GraphBuilder, { of, windows, weights, groups }: Correlation): boolean {
  const [outputs = 1, inGroup = 1, height = 1, ...others] = weights
  const [batch, , rows = 0] = b.shape(of)
  const [copies, columns] = [height * outputs, sizeOf(others) * inGroup * groups]
  // What is shifted has zeros above or below, with which it is multiplied for nothing.
  const isTall = Number(rows) >= 4 * reach(windows, 0)
  return windows.strides[0] === 1 && typeof batch === 'number' && isTall && copies + 2 * columns < 2 * height * columns
}

function shiftedProduct(b: GraphBuilder, { over, of, windows, groups, weights }: Correlation): string {
  const [outputs = 1, inGroup = 1, height = 1, ...others] = weights
  const [batch = 0, , ...counts] = b.shape(of).map(Number)
  const row = sizeOf(counts.slice(1))
  const flat = b.node('Reshape', [of, b.axes([0, outputs, -1])])
  // Behind each copy so much that the next one lies a row of the kernel further down.
  const gap = b.node('Expand', [b.scalar(0), b.axes([batch, outputs, height * (windows.dilations[0] ?? 1) * row])])
  const copies = Array.from({ length: 2 * height - 1 }, (_, index) => (index % 2 === 0 ? flat : gap))
  const shifted = b.node('Concat', copies, { attributes: { axis: int(2) } })
  const left = b.node('Reshape', [shifted, b.axes([0, groups, (outputs / groups) * height, -1])])
  const right = b.node('Reshape', [
    windowColumns(b, over, { ...windows, whole: 1 }),
    b.axes([0, groups, inGroup * sizeOf(others), -1]),
  ])
  const summed = b.node('Reshape', [
    productOverWindows(b, left, right),
    b.axes([outputs, height, inGroup, sizeOf(others)]),
  ])
  return b.node('Reshape', [
    b.node('Transpose', [summed], { attributes: { perm: ints([0, 2, 1, 3]) } }),
    b.axes(weights),
  ])
}

/** [batch, channels, places of the kernel, windows]; of the first `whole` axes all that there is, instead of windows. */
function windowColumns(b: GraphBuilder, x: string, { whole = 0, ...windows }: Windows & { whole?: number }): string {
  const { kernel, strides, dilations, begins, ends } = windows
  const [, channels = 0, ...extents] = b.shape(x).map(Number)
  const counts = windowCounts(windows, extents)
  const isPadded = [...begins, ...ends].some((zeros) => zeros > 0)
  const padded = isPadded ? b.node('Pad', [x, b.axes([0, 0, ...begins, 0, 0, ...ends])]) : x
  const parts = offsetsOf(kernel.map((size, axis) => (axis < whole ? 1 : size))).map((offset) => {
    const starts = offset.map((place, axis) => place * (dilations[axis] ?? 1))
    const behind = starts.map((start, axis) => start + ((counts[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1)
    const axes = kernel.map((_, axis) => axis + 2)
    const along = [starts, behind, axes, strides].map((values) => b.axes(values.slice(whole)))
    const seen = whole === kernel.length ? padded : b.node('Slice', [padded, ...along])
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
