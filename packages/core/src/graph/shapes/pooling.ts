/** Shapes of poolings: [batch, channels, …spatial extents] to [batch, channels, …windows]. */
import { intAttribute, type Node } from '../ir.ts'
import { type Pooling, poolingOf, spatialOf } from '../windows.ts'
import { type Inputs, input, invalid, refused, type ShapeRule, type TypedShape } from './rule.ts'

function pooled(node: Node, inputs: Inputs): { x: TypedShape; pooling: Pooling } {
  const x = input(inputs, 0)
  if (x.shape.length < 3 || x.shape.length > 5) throw invalid(`${node.op} of [${x.shape.join(', ')}]`)
  return { x, pooling: poolingOf(node, spatialOf(x.shape)) }
}

const average: ShapeRule = (node, inputs) => {
  const { x, pooling } = pooled(node, inputs)
  return { type: x.type, shape: [...x.shape.slice(0, 2), ...pooling.counts] }
}

/** Its second output says where in the whole input each largest value was. */
const largest: ShapeRule = (node, inputs) => {
  const { x, pooling } = pooled(node, inputs)
  if (intAttribute(node, 'storage_order', 0) !== 0) throw refused(`${node.op} that counts places column by column`)
  const shape = [...x.shape.slice(0, 2), ...pooling.counts]
  return [
    { type: x.type, shape },
    { type: 'int64', shape },
  ]
}

const global: ShapeRule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  if (shape.length < 3) throw invalid(`${node.op} of [${shape.join(', ')}]`)
  return { type, shape: shape.map((extent, axis) => (axis < 2 ? extent : 1)) }
}

export const poolingShapes: Readonly<Record<string, ShapeRule>> = {
  MaxPool: largest,
  AveragePool: average,
  GlobalMaxPool: global,
  GlobalAveragePool: global,
}
