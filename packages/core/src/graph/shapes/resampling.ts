/** Shapes of what makes images larger or smaller. */
import { intAttribute, type Node } from '../ir.ts'
import { blendsOf, stretchesOf } from '../resampling.ts'
import { type Inputs, input, invalid, type ShapeRule } from './rule.ts'

const resize: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const stretches = stretchesOf(node, shape, lookup.constant)
  for (const [axis, stretch] of stretches.entries())
    if (stretch !== undefined) blendsOf(node, Number(shape[axis]), stretch)
  return { type, shape: shape.map((extent, axis) => stretches[axis]?.extent ?? extent) }
}

type Blocks = {
  readonly batch: string | number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly size: number
}

/** Errors: WR_GRAPH_INVALID where the input is no batch of images of known extents. */
export function blocksOf(node: Node, shape: readonly (string | number)[]): Blocks {
  const [batch = 0, ...extents] = shape
  const size = intAttribute(node, 'blocksize', 0)
  const [channels, height, width] = extents
  if (
    extents.length !== 3 ||
    size < 1 ||
    typeof channels !== 'number' ||
    typeof height !== 'number' ||
    typeof width !== 'number'
  )
    throw invalid(`${node.op} of [${shape.join(', ')}] in blocks of ${size}`)
  return { batch, channels, height, width, size }
}

const blocks = (node: Node, inputs: Inputs) => {
  const { type, shape } = input(inputs, 0)
  return { type, ...blocksOf(node, shape) }
}

/** Whether a channel's blocks are beside one another (CRD), or the channels of a block (DCR). */
export function isChannelFirst(node: Node): boolean {
  const { mode } = node.attributes
  const how = mode?.kind === 'string' ? mode.value : 'DCR'
  if (how !== 'DCR' && how !== 'CRD') throw invalid(`${node.op} in the order ${how.slice(0, 20)}`)
  return how === 'CRD'
}

const depthToSpace: ShapeRule = (node, inputs) => {
  const { type, batch, channels, height, width, size } = blocks(node, inputs)
  isChannelFirst(node)
  if (channels % (size * size) !== 0) throw invalid(`${node.op} of ${channels} channels in blocks of ${size}`)
  return { type, shape: [batch, channels / (size * size), height * size, width * size] }
}

const spaceToDepth: ShapeRule = (node, inputs) => {
  const { type, batch, channels, height, width, size } = blocks(node, inputs)
  if (height % size !== 0 || width % size !== 0)
    throw invalid(`${node.op} of ${height} by ${width} in blocks of ${size}`)
  return { type, shape: [batch, channels * size * size, height / size, width / size] }
}

export const resamplingShapes: Readonly<Record<string, ShapeRule>> = {
  Resize: resize,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
}
