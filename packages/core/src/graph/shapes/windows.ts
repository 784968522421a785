/** Shapes of operators whose windows move over their input: [batch, channels, …spatial extents]. */
import { intAttribute, intsAttribute, type Node, type Shape } from '../ir.ts'
import { coveredExtents, spatialOf, windowCounts, windowsOf } from '../windows.ts'
import { type Inputs, input, invalid, type ShapeRule, type TypedShape } from './rule.ts'

type Operands = { readonly x: TypedShape; readonly kernel: readonly number[]; readonly weights: readonly number[] }

/** Errors: WR_GRAPH_INVALID where the weights' extents are not known, or ranks do not fit. */
function operandsOf(node: Node, inputs: Inputs): Operands {
  const [x, w] = [input(inputs, 0), input(inputs, 1)]
  const weights = w.shape.map((extent) => (typeof extent === 'number' ? extent : 0))
  if (x.shape.length < 3 || weights.length !== x.shape.length || weights.some((extent) => extent < 1))
    throw invalid(`${node.op} of [${x.shape.join(', ')}] with weights of [${w.shape.join(', ')}]`)
  return { x, weights, kernel: weights.slice(2) }
}

/** `bias` is undefined, or of as many values as there are channels. */
function requireBias(node: Node, bias: TypedShape | undefined, channels: number): void {
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== channels))
    throw invalid(`${node.op} adds [${bias.shape.join(', ')}] to ${channels} channels`)
}

const misfit = (node: Node, x: Shape, weights: Shape) =>
  invalid(`${node.op} of [${x.join(', ')}] with weights of [${weights.join(', ')}] in ${groupsOf(node)} groups`)

export const groupsOf = (node: Node): number => intAttribute(node, 'group', 1)

/** Weights [outputs, channels / groups, …kernel]. */
const convolution: ShapeRule = (node, inputs) => {
  const { x, weights, kernel } = operandsOf(node, inputs)
  const [outputs = 0, inGroup = 0] = weights
  const groups = groupsOf(node)
  if (groups < 1 || outputs % groups !== 0 || x.shape[1] !== inGroup * groups) throw misfit(node, x.shape, weights)
  requireBias(node, inputs[2], outputs)
  const windows = windowsOf(node, spatialOf(x.shape), kernel)
  return { type: x.type, shape: [x.shape[0] ?? 0, outputs, ...windowCounts(windows, spatialOf(x.shape).map(Number))] }
}

/** Weights [channels, outputs / groups, …kernel]. */
const transposed: ShapeRule = (node, inputs) => {
  const { x, weights, kernel } = operandsOf(node, inputs)
  const [channels = 0, inGroup = 0] = weights
  const groups = groupsOf(node)
  if (groups < 1 || channels % groups !== 0 || x.shape[1] !== channels) throw misfit(node, x.shape, weights)
  requireBias(node, inputs[2], inGroup * groups)
  const { output_shape: shape, auto_pad: how = { kind: 'string', value: 'NOTSET' } } = node.attributes
  if (shape !== undefined || how.kind !== 'string' || !['NOTSET', 'VALID'].includes(how.value))
    throw invalid(`${node.op} says how large it is by output_shape or auto_pad`)
  const windows = windowsOf(node, spatialOf(x.shape), kernel)
  const more = outputPadding(node, kernel.length)
  const covered = coveredExtents(windows, spatialOf(x.shape).map(Number))
  const extents = covered.map((extent, axis) => extent + (more[axis] ?? 0))
  if (extents.some((extent) => extent < 1)) throw invalid(`${node.op} makes [${extents.join(', ')}]`)
  return { type: x.type, shape: [x.shape[0] ?? 0, inGroup * groups, ...extents] }
}

/** What is added behind each axis, less than a stride: else no convolution is what it transposes. */
export function outputPadding(node: Node, axes: number): readonly number[] {
  const strides = intsAttribute(node, 'strides')
  const given = intsAttribute(node, 'output_padding') ?? Array.from({ length: axes }, () => 0)
  if (given.length !== axes || given.some((more, axis) => more < 0 || more >= (strides?.[axis] ?? 1)))
    throw invalid(`${node.op} with output_padding of [${given.join(', ')}]`)
  return given
}

export const windowShapes: Readonly<Record<string, ShapeRule>> = { Conv: convolution, ConvTranspose: transposed }
