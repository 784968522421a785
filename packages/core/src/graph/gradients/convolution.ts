/**
 * Gradients of convolutions. That of the input is the transposed convolution with the same weights. That of the weights is a product: every window of the input
 * as a column (im2col; Chellapilla et al. 2006), with the gradient of what the window became, summed over the batch. Places of a kernel that lie above each
 * other can be told apart on either side of that product: with as many copies of the gradient as the kernel has rows, there need be only as many of the input as it has
 * columns, which are fewer values to write and a product of better proportions. Either is laid out for as many examples at a time as caches hold.
 */
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { type Dim, int, ints, type Node } from '../ir.ts'
import { refused } from '../shapes/rule.ts'
import { groupsOf } from '../shapes/windows.ts'
import { coveredExtents, spatialOf, type Windows, windowCounts, windowsOf } from '../windows.ts'
import { overTime } from './recurrent/over-time.ts'
import { fixedShape, inputOf, ofFirstOutput, type SingleRule } from './rule.ts'
import { splitPairs } from './split-pairs.ts'

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

/** A product over windows, summed over the batch, and how its values become the weights' gradient. */
type Product = {
  readonly shape: readonly number[]
  /** Values that are laid out for an example. */
  readonly laidOut: number
  summed(b: GraphBuilder, operands: Operands): string
  inOrder(b: GraphBuilder, summed: string): string
}
type Operands = Pick<Correlation, 'over' | 'of'>

function weightGradient(b: GraphBuilder, correlation: Correlation): string {
  if (sizeOf(correlation.weights.slice(2)) > mostPlaces)
    throw refused(`a convolution is differentiated with at most ${mostPlaces} places in a kernel`)
  const counts = b.shape(correlation.of).slice(2).map(Number)
  const product = (isShiftedWell(b, correlation) ? shiftedProduct : columnProduct)(correlation, counts)
  const examples = examplesAtOnce(b.shape(correlation.of)[0], product.laidOut)
  return product.inOrder(
    b,
    examples === undefined ? product.summed(b, correlation) : summedInTurn(b, { correlation, product, examples }),
  )
}

/** Values of a MiB: they stay in a processor's caches until they are multiplied. */
const mostLaidOut = 2 ** 18

/** How many examples are laid out at a time; undefined for the whole batch. */
function examplesAtOnce(batch: Dim | undefined, each: number): number | undefined {
  const most = Math.max(1, Math.floor(mostLaidOut / each))
  if (typeof batch !== 'number' || most >= batch) return undefined
  return Array.from({ length: most }, (_, index) => most - index).find((count) => batch % count === 0)
}

type InTurn = { readonly correlation: Correlation; readonly product: Product; readonly examples: number }

/** The same sum, some examples after others: what is laid out for the product is never as large as the batch's. */
function summedInTurn(b: GraphBuilder, { correlation, product, examples }: InTurn): string {
  const parts = [correlation.over, correlation.of].map((name) => {
    const [batch, ...extents] = b.shape(name).map(Number)
    return b.node('Reshape', [name, b.axes([(batch ?? 0) / examples, examples, ...extents])])
  })
  const { states } = overTime(b, {
    states: [b.node('Expand', [b.scalar(0), b.axes(product.shape)])],
    scanned: parts,
    isReversed: false,
    step: (inner, { states: [sum = ''], slices: [over = '', of = ''] }) => ({
      states: [inner.node('Add', [sum, product.summed(inner, { over, of })])],
      collected: [],
    }),
  })
  return states[0] ?? ''
}

function columnProduct({ windows, groups, weights }: Correlation, counts: readonly number[]): Product {
  const [outputs = 1, inGroup = 1, ...kernel] = weights
  const [values, filters] = [sizeOf(kernel) * inGroup, outputs / groups]
  // ONNX Runtime copies the right operand into an order of its own: it had better be the smaller one.
  const isSmall = filters < values
  return {
    laidOut: groups * values * sizeOf(counts),
    shape: [groups, ...(isSmall ? [values, filters] : [filters, values])],
    summed(b, { over, of }) {
      const rows = b.node('Reshape', [of, b.axes([0, groups, filters, -1])])
      // One row for each channel and place in the kernel, one column for each window.
      const columns = b.node('Reshape', [windowColumns(b, over, windows), b.axes([0, groups, values, -1])])
      return isSmall ? productOverWindows(b, columns, rows) : productOverWindows(b, rows, columns)
    },
    inOrder(b, summed) {
      const turned = isSmall ? b.node('Transpose', [summed], { attributes: { perm: ints([0, 2, 1]) } }) : summed
      return b.node('Reshape', [turned, b.axes(weights)])
    },
  }
}

/** left · rightᵀ of [batch, groups, …, windows], summed over the batch. */
function productOverWindows(b: GraphBuilder, left: string, right: string): string {
  const turned = b.node('Transpose', [right], { attributes: { perm: ints([0, 1, 3, 2]) } })
  const products = b.node('MatMul', [left, turned])
  const [batch, ...extents] = b.shape(products)
  if (batch === 1) return b.node('Reshape', [products, b.axes(extents.map(Number))])
  if (typeof batch !== 'number')
    return b.node('ReduceSum', [products, b.axes([0])], { attributes: { keepdims: int(0) } })
  // Ones times rows: ONNX Runtime takes many times as long to sum along the first axis.
  const ones = b.node('Expand', [b.scalar(1), b.axes([1, batch])])
  const rows = b.node('Reshape', [products, b.axes([batch, -1])])
  return b.node('Reshape', [b.node('MatMul', [ones, rows]), b.axes(extents.map(Number))])
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

function shiftedProduct({ windows, groups, weights }: Correlation, counts: readonly number[]): Product {
  const [outputs = 1, inGroup = 1, height = 1, ...others] = weights
  const [copies, columns] = [(outputs / groups) * height, inGroup * sizeOf(others)]
  const row = sizeOf(counts.slice(1))
  return {
    laidOut: groups * (copies + columns) * sizeOf(counts),
    shape: [groups, copies, columns],
    summed(b, { over, of }) {
      const batch = Number(b.shape(of)[0])
      const flat = b.node('Reshape', [of, b.axes([0, outputs, -1])])
      // Behind each copy so much that the next one lies a row of the kernel further down.
      const gap = b.node('Expand', [b.scalar(0), b.axes([batch, outputs, height * (windows.dilations[0] ?? 1) * row])])
      const parts = Array.from({ length: 2 * height - 1 }, (_, index) => (index % 2 === 0 ? flat : gap))
      const shifted = b.node('Concat', parts, { attributes: { axis: int(2) } })
      const left = b.node('Reshape', [shifted, b.axes([0, groups, copies, -1])])
      const places = windowColumns(b, over, { ...windows, whole: 1 })
      return productOverWindows(b, left, b.node('Reshape', [places, b.axes([0, groups, columns, -1])]))
    },
    inOrder(b, summed) {
      const apart = b.node('Reshape', [summed, b.axes([outputs, height, inGroup, sizeOf(others)])])
      return b.node('Reshape', [
        b.node('Transpose', [apart], { attributes: { perm: ints([0, 2, 1, 3]) } }),
        b.axes(weights),
      ])
    },
  }
}

/** [batch, channels, places of the kernel, windows]; of the first `whole` axes all that there is, instead of windows. */
function windowColumns(b: GraphBuilder, x: string, { whole = 0, ...windows }: Windows & { whole?: number }): string {
  const { kernel, strides, dilations } = windows
  const [, channels = 0, ...extents] = b.shape(x).map(Number)
  const counts = windowCounts(windows, extents)
  const phase = phasesOf(b, x, windows)
  const parts = offsetsOf(kernel.map((size, axis) => (axis < whole ? 1 : size))).map((offset) => {
    const at = offset.map((place, axis) => place * (dilations[axis] ?? 1))
    const seen = phase(at.map((start, axis) => start % (strides[axis] ?? 1)))
    const starts = at.map((start, axis) => Math.floor(start / (strides[axis] ?? 1)))
    const behind = starts.map((start, axis) => start + (counts[axis] ?? 1))
    const isAll = behind.every(
      (end, axis) => axis < whole || (starts[axis] === 0 && end === Number(b.shape(seen)[axis + 2])),
    )
    const along = [starts, behind, kernel.map((_, axis) => axis + 2)].map((values) => b.axes(values.slice(whole)))
    return b.node('Reshape', [isAll ? seen : b.node('Slice', [seen, ...along]), b.axes([0, channels, 1, -1])])
  })
  const [only = ''] = parts
  return parts.length === 1 ? only : b.node('Concat', parts, { attributes: { axis: int(2) } })
}

/**
 * `x` with its padding, of which windows with steps see only every so manieth element: from one of the first elements on, which the answer is asked for. Split is many
 * times as fast as a Slice with steps, where most of its parts are needed.
 */
function phasesOf(
  b: GraphBuilder,
  x: string,
  { kernel, strides, begins, ends }: Windows,
): (first: readonly number[]) => string {
  const [, channels = 0, ...extents] = b.shape(x).map(Number)
  const padded = extents.map((extent, axis) => extent + (begins[axis] ?? 0) + (ends[axis] ?? 0))
  const steps = padded.map((extent, axis) => Math.ceil(extent / (strides[axis] ?? 1)))
  const more = ends.map((zeros, axis) => zeros + (steps[axis] ?? 0) * (strides[axis] ?? 1) - (padded[axis] ?? 0))
  const isPadded = [...begins, ...more].some((zeros) => zeros > 0)
  const whole = isPadded ? b.node('Pad', [x, b.axes([0, 0, ...begins, 0, 0, ...more])]) : x
  if (strides.every((stride) => stride === 1)) return () => whole
  const axes = kernel.map((_, axis) => axis + 2)
  if (kernel.some((size, axis) => size < (strides[axis] ?? 1)))
    return (first) =>
      b.node('Slice', [whole, ...[first, first.map(() => 2 ** 31 - 1), axes, strides].map((values) => b.axes(values))])
  const paired = b.node('Reshape', [
    whole,
    b.axes([0, channels, ...steps.flatMap((count, axis) => [count, strides[axis] ?? 1])]),
  ])
  const parts = splitPairs(b, paired, { sizes: strides, from: 3 })
  const flat = parts.map((part) => b.node('Reshape', [part, b.axes([0, channels, ...steps])]))
  return (first) => flat[first.reduce((index, place, axis) => index * (strides[axis] ?? 1) + place, 0)] ?? ''
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
