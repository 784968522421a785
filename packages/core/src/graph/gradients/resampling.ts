/** Gradients of what makes images larger or smaller. Resize is linear, axis by axis: its gradient is a product with the matrix of each axis, turned round. */
import type { GraphBuilder } from '../builder.ts'
import { int, ints, text } from '../ir.ts'
import { type Blend, blendsOf, type Stretch, stretchesOf } from '../resampling.ts'
import { blocksOf, isChannelFirst } from '../shapes/resampling.ts'
import { refused } from '../shapes/rule.ts'
import { scaled } from './elementwise.ts'
import { inputOf, ofFirstOutput, type SingleRule } from './rule.ts'

/** Of one axis: each element of the result has its blend of `extent` elements. */
type Line = { readonly axis: number; readonly extent: number; readonly blends: readonly Blend[] }

const resize: SingleRule = (node, dy, b) => {
  const shape = b.shape(inputOf(node, 0))
  const lines = stretchesOf(node, shape, b.constant).flatMap((stretch: Stretch | undefined, axis): readonly Line[] =>
    stretch === undefined
      ? []
      : [{ axis, extent: Number(shape[axis]), blends: blendsOf(node, Number(shape[axis]), stretch) }],
  )
  const repeats = shape.map((_, axis) => {
    const line = lines.find((candidate) => candidate.axis === axis)
    return line === undefined ? 1 : repeatsOf(line)
  })
  if (repeats.every((count) => count === 1)) return [dy]
  if (
    shape.length >= 3 &&
    shape.length <= 5 &&
    repeats[0] === 1 &&
    repeats[1] === 1 &&
    repeats.every((count) => count > 0)
  )
    return [blockSums(b, dy, repeats.slice(2))]
  return [lines.reduce((gradient, line) => turnedBack(b, gradient, line), dy)]
}

/** How often each element is repeated, where all are as often and nothing else happens; else 0. */
function repeatsOf({ extent, blends }: Line): number {
  const count = blends.length / extent
  return Number.isInteger(count) &&
    blends.every(({ sources, weights }, index) => sources[0] === Math.floor(index / count) && weights[0] === 1)
    ? count
    : 0
}

/** Sums of blocks: AveragePool is faster than ReduceSum over axes of a few elements. */
function blockSums(b: GraphBuilder, dy: string, sizes: readonly number[]): string {
  const means = b.node('AveragePool', [dy], { attributes: { kernel_shape: ints(sizes), strides: ints(sizes) } })
  return scaled(
    b,
    means,
    sizes.reduce((product, size) => product * size, 1),
  )
}

/** 16 MiB: more than images of 1,000 to 2,000 need. */
const mostWeights = 2 ** 22

function turnedBack(b: GraphBuilder, dy: string, { axis, extent, blends }: Line): string {
  if (extent * blends.length > mostWeights)
    throw refused(`Resize of ${extent} to ${blends.length} is differentiated by a matrix of too many values`)
  const shape = b.shape(dy)
  const isLast = axis > 0 && axis === shape.length - 1
  // Row by row of the first factor, or column by column of the second.
  const weights = new Float32Array(extent * blends.length)
  for (const [made, { sources, weights: parts }] of blends.entries())
    for (const [index, source] of sources.entries()) {
      const place = isLast ? made * extent + source : source * blends.length + made
      weights[place] = (weights[place] ?? 0) + (parts[index] ?? 0)
    }
  if (isLast) return b.node('MatMul', [dy, b.table([blends.length, extent], weights)])
  const behind = shape.slice(axis + 1)
  const rest = behind.length === 1 ? dy : b.node('Reshape', [dy, b.axes([...copies(axis), blends.length, -1])])
  const made = b.node('MatMul', [b.table([extent, blends.length], weights), rest])
  return behind.length === 1
    ? made
    : b.node('Reshape', [made, b.axes([...copies(axis), extent, ...behind.map(Number)])])
}

const copies = (count: number): readonly number[] => Array.from({ length: count }, () => 0)

/** Where blocks came from: SpaceToDepth undoes the order DCR alone. */
const depthToSpace: SingleRule = (node, dy, b) => {
  const { channels, height, width, size } = blocksOf(node, b.shape(inputOf(node, 0)))
  if (!isChannelFirst(node)) return [b.node('SpaceToDepth', [dy], { attributes: { blocksize: int(size) } })]
  const apart = b.node('Reshape', [dy, b.axes([0, channels / (size * size), height, size, width, size])])
  const together = b.node('Transpose', [apart], { attributes: { perm: ints([0, 1, 3, 5, 2, 4]) } })
  return [b.node('Reshape', [together, b.axes([0, channels, height, width])])]
}

const spaceToDepth: SingleRule = (node, dy, b) => {
  const { size } = blocksOf(node, b.shape(inputOf(node, 0)))
  return [b.node('DepthToSpace', [dy], { attributes: { blocksize: int(size), mode: text('DCR') } })]
}

export const resamplingGradients = ofFirstOutput({
  Resize: resize,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
})
