/** Shape inference for the operators that Wardround builds and accepts. Symbolic extents (`batch`) stay symbolic. */
import { WardroundError } from '../errors.ts'
import { type Dim, type ElementType, intAttribute, intsAttribute, type Node, type Shape, type Tensor } from './ir.ts'

export type TypedShape = { readonly type: ElementType; readonly shape: Shape }
export type Lookup = {
  info(name: string): TypedShape
  /** The value of a constant input (axes, target shapes), where it is one. */
  constant(name: string): Tensor | undefined
}

type Rule = (node: Node, inputs: readonly TypedShape[], lookup: Lookup) => TypedShape

/** The type and shape of a one-output node. Errors: WR_GRAPH_INVALID. */
export function inferNode(node: Node, lookup: Lookup): TypedShape {
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined
  if (rule === undefined) throw invalid(`no shape rule for the operator ${node.op}`)
  return rule(
    node,
    node.inputs.map((name) => lookup.info(name)),
    lookup,
  )
}

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

function input(inputs: readonly TypedShape[], index: number): TypedShape {
  const found = inputs[index]
  if (found === undefined) throw invalid(`input ${index + 1} is missing`)
  return found
}

/** ONNX's multidirectional (NumPy's) broadcasting. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, index): Dim => {
    const x = a[index - rank + a.length] ?? 1
    const y = b[index - rank + b.length] ?? 1
    if (x === y || y === 1) return x
    if (x === 1) return y
    throw invalid(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`)
  })
}

const same: Rule = (_, inputs) => input(inputs, 0)
const elementwise: Rule = (_, inputs) => ({
  type: input(inputs, 0).type,
  shape: inputs.map(({ shape }) => shape).reduce(broadcast),
})
const comparison: Rule = (node, inputs, lookup) => ({ type: 'bool', shape: elementwise(node, inputs, lookup).shape })

const matMul: Rule = (_, inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)]
  if (a.shape.length < 2 || b.shape.length < 2) throw invalid('MatMul needs matrices')
  if (a.shape.at(-1) !== b.shape.at(-2)) throw invalid(`MatMul of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  return { type: a.type, shape: [...batch, a.shape.at(-2) ?? 0, b.shape.at(-1) ?? 0] }
}

const gemm: Rule = (node, inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)]
  const [rows, inner] = intAttribute(node, 'transA', 0) === 1 ? a.shape.toReversed() : a.shape
  const [innerB, columns] = intAttribute(node, 'transB', 0) === 1 ? b.shape.toReversed() : b.shape
  if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== innerB) {
    throw invalid(`Gemm of [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`)
  }
  const shape = [rows ?? 0, columns ?? 0]
  if (inputs[2] !== undefined) broadcast(shape, inputs[2].shape)
  return { type: a.type, shape }
}

/** Axes as a constant second input (opset 18), or all. */
export function reducedAxes(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): readonly number[] {
  const name = node.inputs[1]
  if (name === undefined) return Array.from({ length: rank }, (_, axis) => axis)
  const axes = integers(lookup.constant(name))
  if (axes === undefined) throw invalid(`the axes of ${node.op} are not constant`)
  return axes.map((axis) => (axis < 0 ? axis + rank : axis))
}

const reduction: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = reducedAxes(node, shape.length, lookup)
  const keep = intAttribute(node, 'keepdims', 1) === 1
  const kept = shape.map((extent, axis): Dim => (axes.includes(axis) ? 1 : extent))
  return { type, shape: keep ? kept : kept.filter((_, axis) => !axes.includes(axis)) }
}

const transpose: Rule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  const order = intsAttribute(node, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis)
  return { type, shape: order.map((axis) => shape[axis] ?? 0) }
}

/** −1 takes what is left over; 0 copies the extent of the input. */
const reshape: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const wanted = integers(lookup.constant(node.inputs[1] ?? ''))
  if (wanted === undefined) throw invalid('the shape given to Reshape is not constant')
  const copied = wanted.map((extent, axis): Dim => (extent === 0 ? (shape[axis] ?? 0) : extent))
  const hole = copied.indexOf(-1)
  if (hole < 0) return { type, shape: copied }
  const total = shape.filter((extent) => typeof extent === 'number').reduce((product, extent) => product * extent, 1)
  const known = copied
    .filter((extent) => typeof extent === 'number' && extent > 0)
    .reduce<number>((p, e) => p * Number(e), 1)
  const symbol = shape.find((extent) => typeof extent === 'string' && !copied.includes(extent))
  return { type, shape: copied.with(hole, symbol !== undefined && total === known ? symbol : total / known) }
}

const gather: Rule = (node, inputs) => {
  const [data, indices] = [input(inputs, 0), input(inputs, 1)]
  const axis = intAttribute(node, 'axis', 0)
  return { type: data.type, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] }
}

const concat: Rule = (node, inputs) => {
  const first = input(inputs, 0)
  const axis = (intAttribute(node, 'axis', 0) + first.shape.length) % first.shape.length
  const extents = inputs.map(({ shape }) => shape[axis])
  if (extents.some((extent) => typeof extent !== 'number')) throw invalid('Concat along a symbolic extent')
  return {
    type: first.type,
    shape: first.shape.with(
      axis,
      extents.reduce<number>((sum, extent) => sum + Number(extent), 0),
    ),
  }
}

const castTypes: Record<number, ElementType> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
}
const cast: Rule = (node, inputs) => {
  const type = castTypes[intAttribute(node, 'to', 0)]
  if (type === undefined) throw invalid('Cast to a type that is not supported')
  return { type, shape: input(inputs, 0).shape }
}

const where: Rule = (_, inputs) => ({
  type: input(inputs, 1).type,
  shape: [0, 1, 2].map((index) => input(inputs, index).shape).reduce(broadcast),
})

const unsqueeze: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = reducedAxes(node, shape.length + 1, lookup)
  return {
    type,
    shape: axes.toSorted((a, b) => a - b).reduce<Dim[]>((made, axis) => made.toSpliced(axis, 0, 1), [...shape]),
  }
}

const squeeze: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = reducedAxes(node, shape.length, lookup)
  return { type, shape: shape.filter((_, axis) => !axes.includes(axis)) }
}

const expand: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const wanted = integers(lookup.constant(node.inputs[1] ?? ''))
  if (wanted === undefined) throw invalid('the shape given to Expand is not constant')
  return { type, shape: broadcast(shape, wanted) }
}

const integers = (tensor: Tensor | undefined): readonly number[] | undefined =>
  tensor?.type === 'int64' ? Array.from(tensor.data, Number) : undefined

const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    ['Identity', 'Neg', 'Exp', 'Log', 'Sqrt', 'Abs', 'Relu', 'Sigmoid', 'Tanh', 'Softplus'].map((op) => [op, same]),
  ),
  ...Object.fromEntries(['Softmax', 'LogSoftmax', 'Not', 'ScatterND'].map((op) => [op, same])),
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min'].map((op) => [op, elementwise])),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Or', 'And'].map((op) => [op, comparison]),
  ),
  ...Object.fromEntries(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax'].map((op) => [op, reduction])),
  IsNaN: (_, inputs) => ({ type: 'bool', shape: input(inputs, 0).shape }),
  MatMul: matMul,
  Gemm: gemm,
  Transpose: transpose,
  Reshape: reshape,
  Gather: gather,
  Concat: concat,
  Cast: cast,
  Where: where,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
}

/** Operators that inferNode knows. */
export const shapedOperators: ReadonlySet<string> = new Set(Object.keys(rules))
