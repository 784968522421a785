/**
 * Gradients of poolings. The gradient of a window's largest value goes to the first that is as large, in the order of rows, as with PyTorch: after a relu many
 * are. Which it is, comparisons say fastest where windows lie side by side (ONNX Runtime's MaxPool is slow where it must tell), and MaxPool's second output
 * where they overlap.
 */
import type { GraphBuilder } from '../builder.ts'
import { type Attribute, int, intAttribute, ints, type Node, text } from '../ir.ts'
import { refused } from '../shapes/rule.ts'
import { coveredExtents, type Pooling, poolingOf, spatialOf, type Windows } from '../windows.ts'
import { scaled } from './elementwise.ts'
import { fixedShape, inputOf, ofFirstOutput, outputOf, type SingleRule } from './rule.ts'
import { splitPairs } from './split-pairs.ts'

const maxPool: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const pooling = poolingOf(node, spatialOf(b.shape(x)))
  const places = pooling.windows.kernel.reduce((product, size) => product * size, 1)
  return [
    areSideBySide(pooling) && places <= mostMasks
      ? toFirsts(b, { x, y: outputOf(node), dy, pooling })
      : toIndices(b, { x, dy, attributes: node.attributes }),
  ]
}

/** Of [batch, channels, …], of which the batch may be open. Errors: WR_GRAPH_REFUSED where the channels are. */
function fixedFromChannels(b: GraphBuilder, x: string): readonly [channels: number, ...extents: number[]] {
  const [, channels, ...extents] = b.shape(x)
  if (typeof channels !== 'number') throw refused(`a pooling of ${channels} channels is differentiated with fixed ones`)
  return [channels, ...extents.map(Number)]
}

/** A mask is made for each place of a window. */
const mostMasks = 16

/** No two windows share an element, and none sees padding. */
const areSideBySide = ({ windows: { kernel, strides, dilations, begins, ends } }: Pooling): boolean =>
  kernel.every((size, axis) => strides[axis] === size && (size === 1 || dilations[axis] === 1)) &&
  [...begins, ...ends].every((zeros) => zeros === 0)

type Indexed = { readonly x: string; readonly dy: string; readonly attributes: Node['attributes'] }

/** Adds up what each element got, by its place in the whole input. ScatterND would be as fast, but loses additions where it runs on several threads. */
function toIndices(b: GraphBuilder, { x, dy, attributes }: Indexed): string {
  const shape = fixedShape(b, x)
  const flat = (name: string): string => b.node('Reshape', [name, b.axes([-1])])
  const [, places = ''] = b.several('MaxPool', [x], { attributes, outputs: 2 })
  const empty = b.node('Expand', [b.scalar(0), b.axes([shape.reduce((product, extent) => product * extent, 1)])])
  const added = b.node('ScatterElements', [empty, flat(places), flat(dy)], { attributes: { reduction: text('add') } })
  return b.node('Reshape', [added, b.axes(shape)])
}

type Tiled = { readonly x: string; readonly y: string; readonly dy: string; readonly pooling: Pooling }

function toFirsts(b: GraphBuilder, { x, y, dy, pooling: { windows, counts } }: Tiled): string {
  const { kernel } = windows
  const [channels, ...extents] = fixedFromChannels(b, x)
  const covered = coveredExtents(windows, counts)
  // [batch, channels · windows, places, windows, places, …]: a pair of axes for each of the input's, of which the first window axis is one with channels.
  const pairs = (sizes: readonly number[]): string =>
    b.axes([0, ...counts.flatMap((count, axis) => [axis === 0 ? channels * count : count, sizes[axis] ?? 1])])
  const paired = b.node('Reshape', [cut(b, x, { extents, covered }), pairs(kernel)])
  const one = pairs(kernel.map(() => 1))
  const largest = b.node('Reshape', [y, one])
  const parts = firsts(b, splitPairs(b, paired, { sizes: kernel, from: 2 }), {
    largest,
    left: b.node('Reshape', [dy, one]),
  })
  const whole = b.node('Reshape', [interleaved(b, parts, kernel), b.axes([0, channels, ...covered])])
  const rest = extents.map((extent, axis) => extent - (covered[axis] ?? 0))
  return rest.every((count) => count === 0)
    ? whole
    : b.node('Pad', [whole, b.axes([0, 0, ...rest.map(() => 0), 0, 0, ...rest])])
}

type Cut = { readonly extents: readonly number[]; readonly covered: readonly number[] }

/** What windows cover. */
function cut(b: GraphBuilder, x: string, { extents, covered }: Cut): string {
  if (extents.every((extent, axis) => extent === covered[axis])) return x
  const axes = extents.map((_, axis) => axis + 2)
  return b.node('Slice', [x, b.axes(axes.map(() => 0)), b.axes(covered), b.axes(axes)])
}

/** What each place gets of the gradient: the first as large as the largest all of it. A product with 0 or 1 is faster than Where. */
function firsts(
  b: GraphBuilder,
  parts: readonly string[],
  { largest, left }: { largest: string; left: string },
): readonly string[] {
  let remaining = left
  return parts.map((part, index) => {
    if (index === parts.length - 1) return remaining
    const isLess = b.node('Cast', [b.node('Less', [part, largest])], { attributes: { to: int(1) } })
    const passed = b.node('Mul', [remaining, isLess])
    const taken = b.node('Sub', [remaining, passed])
    remaining = passed
    return taken
  })
}

/** Undoes splitPairs(). */
function interleaved(b: GraphBuilder, parts: readonly string[], kernel: readonly number[]): string {
  let joined = parts
  for (const [axis, size] of [...kernel.entries()].toReversed()) {
    if (size === 1) continue
    const groups = Array.from({ length: joined.length / size }, (_, index) =>
      joined.slice(index * size, (index + 1) * size),
    )
    joined = groups.map((group) => b.node('Concat', group, { attributes: { axis: int(2 + 2 * axis) } }))
  }
  return joined[0] ?? ''
}

/** 16 MiB. */
const mostShares = 2 ** 22

/** Every place of a window gets an equal share. Errors: WR_GRAPH_REFUSED for more windows, or larger ones of more channels, than a table is made for. */
const averagePool: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const [channels, ...extents] = fixedFromChannels(b, x)
  const pooling = poolingOf(node, extents)
  const { windows, counts } = pooling
  const size = windows.kernel.reduce((product, places) => product * places, channels)
  if (Math.max(size, ...counts) > mostShares)
    throw refused(`${node.op} of [${counts.join(', ')}] windows is differentiated by tables of too many values`)
  const { shares, common } = sharesOf(node, pooling, extents)
  const shared = shares.reduce((gradient, share) => b.node('Mul', [gradient, b.table(...share)]), dy)
  const isWhole = coveredExtents(windows, counts).every((covered, axis) => covered === extents[axis])
  if (areSideBySide(pooling) && isWhole) return [repeated(b, scaled(b, shared, common), windows.kernel)]
  const weights = b.table(
    [channels, 1, ...windows.kernel],
    Array.from({ length: size }, () => common),
  )
  return [b.node('ConvTranspose', [shared, weights], { attributes: spreading({ windows, counts, extents, channels }) })]
}

type Spreading = {
  readonly windows: Windows
  readonly counts: readonly number[]
  readonly extents: readonly number[]
  readonly channels: number
}

/** A transposed convolution, channel by channel, that makes these extents. */
function spreading({ windows, counts, extents, channels }: Spreading): Readonly<Record<string, Attribute>> {
  const left = coveredExtents(windows, counts).map((covered, axis) => (extents[axis] ?? 0) - covered)
  return {
    strides: ints(windows.strides),
    dilations: ints(windows.dilations),
    pads: ints([...windows.begins, ...windows.ends]),
    output_padding: ints(left),
    group: int(channels),
  }
}

/**
 * One by how many places each window divides, a product over axes. `common` is the part of all windows; `shares` has a factor for each axis on which they
 * differ.
 */
function sharesOf(
  node: Node,
  { windows, counts, reaches }: Pooling,
  extents: readonly number[],
): { readonly shares: readonly Parameters<GraphBuilder['table']>[]; readonly common: number } {
  const isPadCounted = intAttribute(node, 'count_include_pad', 0) === 1
  const perAxis = windows.kernel.map((size, axis) => {
    const [stride = 1, dilation = 1, begin = 0] = [windows.strides[axis], windows.dilations[axis], windows.begins[axis]]
    const [first, end] = isPadCounted ? [-begin, reaches[axis] ?? 0] : [0, extents[axis] ?? 0]
    return Array.from({ length: counts[axis] ?? 0 }, (_, window) => {
      const start = window * stride - begin
      const before = Math.max(0, Math.ceil((first - start) / dilation))
      return Math.min(size, Math.ceil((end - start) / dilation)) - before
    })
  })
  const uneven = perAxis.map((divisors) => divisors.some((divisor) => divisor !== divisors[0]))
  return {
    common: perAxis.reduce((product, [divisor = 1], axis) => (uneven[axis] ? product : product / divisor), 1),
    shares: perAxis.flatMap((divisors, axis) =>
      uneven[axis]
        ? [[[divisors.length, ...perAxis.slice(axis + 1).map(() => 1)], divisors.map((divisor) => 1 / divisor)]]
        : [],
    ),
  }
}

/** Each value as a block of `sizes`: Resize is several times as fast as Expand. */
function repeated(b: GraphBuilder, x: string, sizes: readonly number[]): string {
  if (sizes.every((size) => size === 1)) return x
  return b.node('Resize', [x, '', b.table([sizes.length + 2], [1, 1, ...sizes])], {
    attributes: {
      mode: text('nearest'),
      coordinate_transformation_mode: text('asymmetric'),
      nearest_mode: text('floor'),
    },
  })
}

const globalAveragePool: SingleRule = (node, dy, b) => {
  const shape = fixedShape(b, inputOf(node, 0))
  const size = shape.slice(2).reduce((product, extent) => product * extent, 1)
  return [b.node('Expand', [scaled(b, dy, 1 / size), b.axes(shape)])]
}

/** A pooling with one window. */
const globalMaxPool: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const attributes = { kernel_shape: ints(spatialOf(b.shape(x)).map(Number)) }
  return [toIndices(b, { x, dy, attributes })]
}

export const poolingGradients = ofFirstOutput({
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalMaxPool: globalMaxPool,
  GlobalAveragePool: globalAveragePool,
})
