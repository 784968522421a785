/** Shapes of normalisations: of what they normalise. */
import { intAttribute, type Node, type Shape } from '../ir.ts'
import { axisOf, broadcast, type Inputs, input, invalid, type ShapeRule, type TypedShape } from './rule.ts'

const misfit = (node: Node, x: Shape, other: Shape) =>
  invalid(`${node.op} of [${x.join(', ')}] with [${other.join(', ')}]`)

/** Inputs from the second to `last` hold a value for each channel. */
function channelwise(node: Node, inputs: Inputs, { least, last }: { least: number; last: number }): TypedShape {
  const x = input(inputs, 0)
  if (x.shape.length < least) throw invalid(`${node.op} of [${x.shape.join(', ')}]`)
  for (let index = 1; index <= last; index++) {
    const { shape } = input(inputs, index)
    if (shape.length !== 1 || shape[0] !== x.shape[1]) throw misfit(node, x.shape, shape)
  }
  return x
}

/** Statistics are computed in Float32, which is all that there is. */
function requireFloatStash(node: Node): void {
  if (intAttribute(node, 'stash_type', 1) !== 1) throw invalid(`${node.op} with a stash_type other than Float32`)
}

/** Over the last axes, from `axis` on: Y, Mean and InvStdDev. */
const layer: ShapeRule = (node, inputs) => {
  requireFloatStash(node)
  const { type, shape } = input(inputs, 0)
  const axis = axisOf(node.op, intAttribute(node, 'axis', -1), shape.length)
  for (const { shape: other } of [input(inputs, 1), inputs[2] ?? { shape: [] }]) {
    const common = broadcast(shape, other)
    if (common.length !== shape.length || common.some((extent, place) => extent !== shape[place]))
      throw misfit(node, shape, other)
  }
  const statistics = { type, shape: shape.map((extent, place) => (place < axis ? extent : 1)) }
  return [{ type, shape }, statistics, statistics]
}

/** With training_mode: Y and both running statistics, all of which ONNX Runtime wants to be named. */
const batch: ShapeRule = (node, inputs) => {
  const x = channelwise(node, inputs, { least: 2, last: 4 })
  const statistics = { type: x.type, shape: [x.shape[1] ?? 0] }
  const outputs = isTraining(node) ? [x, statistics, statistics] : [x]
  if (node.outputs.length < outputs.length) throw invalid(`${node.op} in training has three outputs`)
  return outputs
}

export const isTraining = (node: Node): boolean => intAttribute(node, 'training_mode', 0) === 1

const group: ShapeRule = (node, inputs) => {
  requireFloatStash(node)
  const x = channelwise(node, inputs, { least: 2, last: 2 })
  const [groups, channels] = [intAttribute(node, 'num_groups', 0), x.shape[1]]
  if (groups < 1 || typeof channels !== 'number' || channels % groups !== 0)
    throw invalid(`${node.op} of ${channels} channels in ${groups} groups`)
  return x
}

const length: ShapeRule = (node, inputs) => {
  const x = input(inputs, 0)
  axisOf(node.op, intAttribute(node, 'axis', -1), x.shape.length)
  if (![1, 2].includes(intAttribute(node, 'p', 2))) throw invalid(`${node.op} with another p than 1 and 2`)
  return x
}

export const normalizationShapes: Readonly<Record<string, ShapeRule>> = {
  LayerNormalization: layer,
  InstanceNormalization: (node, inputs) => channelwise(node, inputs, { least: 3, last: 2 }),
  BatchNormalization: batch,
  GroupNormalization: group,
  LpNormalization: length,
}
