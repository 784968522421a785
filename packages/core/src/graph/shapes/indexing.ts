/** Shapes of what is picked, or put, by indices. */
import { type Dim, intAttribute, type Node, type Shape } from '../ir.ts'
import { axisOf, type Inputs, input, invalid, refused, type ShapeRule, type TypedShape } from './rule.ts'

const gather: ShapeRule = (node, inputs) => {
  const [data, indices] = [input(inputs, 0), input(inputs, 1)]
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), data.shape.length)
  return { type: data.type, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] }
}

/** Indices have as many axes as the data, and reach no further on any but their own. */
function requireAlong(node: Node, data: Shape, indices: Shape): void {
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), data.length)
  const isWithin = (extent: Dim, other: number): boolean => {
    const most = data[other] ?? 0
    return (
      other === axis || extent === most || (typeof extent === 'number' && typeof most === 'number' && extent < most)
    )
  }
  if (indices.length !== data.length || !indices.every(isWithin))
    throw invalid(`${node.op} of [${data.join(', ')}] by [${indices.join(', ')}]`)
}

const gatherElements: ShapeRule = (node, inputs) => {
  const [data, indices] = [input(inputs, 0), input(inputs, 1)]
  requireAlong(node, data.shape, indices.shape)
  return { type: data.type, shape: indices.shape }
}

const scatterElements: ShapeRule = (node, inputs) => {
  const [data, indices, updates] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)]
  requireAlong(node, data.shape, indices.shape)
  requireUpdates(node, { data, updates, shape: indices.shape })
  return data
}

type Put = { readonly data: TypedShape; readonly updates: TypedShape; readonly shape: Shape }

function requireUpdates(node: Node, { data, updates, shape }: Put): void {
  addsUp(node)
  const fits = updates.shape.length === shape.length && updates.shape.every((extent, axis) => extent === shape[axis])
  if (!fits || updates.type !== data.type)
    throw invalid(`${node.op} of [${updates.shape.join(', ')}] where [${shape.join(', ')}] is wanted`)
}

/** Whether what is put is added to what is there. Errors: WR_GRAPH_REFUSED for other reductions. */
export function addsUp(node: Node): boolean {
  const { reduction } = node.attributes
  const how = reduction?.kind === 'string' ? reduction.value : 'none'
  if (how !== 'none' && how !== 'add') throw refused(`${node.op} that reduces by ${how.slice(0, 20)}`)
  return how === 'add'
}

/** The part of `data` that each vector of indices names. */
function namedPart(node: Node, inputs: Inputs): { data: TypedShape; shape: Shape } {
  const [data, indices] = [input(inputs, 0), input(inputs, 1)]
  const depth = indices.shape.at(-1)
  if (typeof depth !== 'number' || depth < 1 || depth > data.shape.length)
    throw invalid(`${node.op} of [${data.shape.join(', ')}] by [${indices.shape.join(', ')}]`)
  return { data, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(depth)] }
}

const gatherND: ShapeRule = (node, inputs) => {
  if (intAttribute(node, 'batch_dims', 0) !== 0) throw refused(`${node.op} within batches`)
  const { data, shape } = namedPart(node, inputs)
  return { type: data.type, shape }
}

const scatterND: ShapeRule = (node, inputs) => {
  const { data, shape } = namedPart(node, inputs)
  requireUpdates(node, { data, updates: input(inputs, 2), shape })
  return data
}

export const indexingShapes: Readonly<Record<string, ShapeRule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
}
