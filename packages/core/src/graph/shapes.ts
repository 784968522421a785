/** Shape inference for the operators that Wardround builds and accepts. Symbolic extents (`batch`) stay symbolic. */
import { WardroundError } from '../errors.ts'
import { type Dim, type ElementType, intAttribute, intsAttribute, type Node, type Shape, type Tensor } from './ir.ts'

export type TypedShape = { readonly type: ElementType; readonly shape: Shape }
export type Lookup = {
  info(name: string): TypedShape
  /** The value of a constant input (axes, target shapes), where it is one. */
  constant(name: string): Tensor | undefined
}

/** An input that is left out is undefined. */
type Inputs = readonly (TypedShape | undefined)[]
type Rule = (node: Node, inputs: Inputs, lookup: Lookup) => TypedShape

/** The type and shape of a one-output node. Errors: WR_GRAPH_INVALID. */
export function inferNode(node: Node, lookup: Lookup): TypedShape {
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined
  if (rule === undefined) throw invalid(`no shape rule for the operator ${node.op}`)
  return rule(
    node,
    node.inputs.map((name) => (name === '' ? undefined : lookup.info(name))),
    lookup,
  )
}

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

function input(inputs: Inputs, index: number): TypedShape {
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
  shape: inputs.map((_, index) => input(inputs, index).shape).reduce(broadcast),
})
const comparison: Rule = (node, inputs, lookup) => ({ type: 'bool', shape: elementwise(node, inputs, lookup).shape })

/** The second operand is broadcast to the first. */
const toFirst: Rule = (node, inputs) => {
  const [x, slope] = [input(inputs, 0), input(inputs, 1)]
  const common = broadcast(x.shape, slope.shape)
  if (common.length !== x.shape.length || common.some((extent, axis) => extent !== x.shape[axis]))
    throw invalid(`${node.op} of [${x.shape.join(', ')}] by [${slope.shape.join(', ')}]`)
  return x
}

/** Bounds are scalars, and may be left out. */
const clip: Rule = (_, inputs) => {
  for (const bound of inputs.slice(1))
    if (bound !== undefined && bound.shape.length > 0) throw invalid(`a bound of Clip is [${bound.shape.join(', ')}]`)
  return input(inputs, 0)
}

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
  // The third operand is stretched to the product, never the other way round.
  const stretched = broadcast(shape, inputs[2]?.shape ?? [])
  if (stretched.length > 2 || stretched.some((extent, axis) => extent !== shape[axis])) {
    throw invalid(`Gemm adds [${inputs[2]?.shape.join(', ')}] to [${shape.join(', ')}]`)
  }
  return { type: a.type, shape }
}

/** `axis` counted from the front. */
function axisOf(op: string, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw invalid(`${op} names axis ${axis} of ${rank}`)
  return axis < 0 ? axis + rank : axis
}

/** Axes as a constant second input (opset 18), where there is one. */
function namedAxes(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): readonly number[] | undefined {
  const name = node.inputs[1]
  if (name === undefined) return undefined
  const axes = integers(lookup.constant(name))?.map((axis) => axisOf(node.op, axis, rank))
  if (axes === undefined) throw invalid(`the axes of ${node.op} are not constant`)
  if (new Set(axes).size !== axes.length) throw invalid(`${node.op} names an axis twice`)
  return axes
}

/** What a reduction sums over: the named axes, or all where none is named. */
export function reducedAxes(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): readonly number[] {
  const axes = namedAxes(node, rank, lookup) ?? []
  if (axes.length > 0) return axes
  // ONNX's versions do not agree on what the operator still does then.
  if (intAttribute(node, 'noop_with_empty_axes', 0) === 1) throw invalid(`${node.op} over no axes`)
  return Array.from({ length: rank }, (_, axis) => axis)
}

const reduction: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = reducedAxes(node, shape.length, lookup)
  const keep = intAttribute(node, 'keepdims', 1) === 1
  const kept = shape.map((extent, axis): Dim => (axes.includes(axis) ? 1 : extent))
  return { type, shape: keep ? kept : kept.filter((_, axis) => !axes.includes(axis)) }
}

const normalised: Rule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  axisOf(node.op, intAttribute(node, 'axis', -1), shape.length)
  return { type, shape }
}

const transpose: Rule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  const order = intsAttribute(node, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis)
  if (order.length !== shape.length || shape.some((_, axis) => !order.includes(axis)))
    throw invalid(`Transpose of ${shape.length} axes to [${order.join(', ')}]`)
  return { type, shape: order.map((axis) => shape[axis] ?? 0) }
}

/** −1 takes what is left over; 0 copies the extent of the input. */
const reshape: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const wanted = integers(lookup.constant(node.inputs[1] ?? ''))
  if (wanted === undefined) throw invalid('the shape given to Reshape is not constant')
  const misfit = (): WardroundError => invalid(`Reshape of [${shape.join(', ')}] to [${wanted.join(', ')}]`)
  const copies = intAttribute(node, 'allowzero', 0) === 0
  const target = wanted.map((extent, axis): Dim => {
    const copied = extent === 0 && copies ? shape[axis] : extent
    if (copied === undefined || Number(copied) < -1) throw misfit()
    return copied
  })
  const fixed = target.filter((extent) => extent !== -1)
  if (target.length - fixed.length > 1) throw misfit()
  const open = target.indexOf(-1)
  const symbols = symbolsOf(shape)
  for (const symbol of symbolsOf(fixed)) symbols.splice(symbols.indexOf(symbol), 1)
  const left = product(shape) / product(fixed)
  const [symbol] = symbols
  // An extent that is known only when the graph runs fills the hole by itself, or not at all.
  if (symbol !== undefined && open >= 0) {
    if (symbols.length > 1 || left !== 1) throw misfit()
    return { type, shape: target.with(open, symbol) }
  }
  if (symbol === undefined && (open < 0 ? product(shape) !== product(fixed) : !Number.isInteger(left))) throw misfit()
  return { type, shape: open < 0 ? target : target.with(open, left) }
}

const symbolsOf = (shape: Shape): string[] => shape.filter((extent) => typeof extent === 'string')

/** Of the fixed extents. */
const product = (shape: Shape): number =>
  shape.reduce<number>((size, extent) => (typeof extent === 'number' ? size * extent : size), 1)

const gather: Rule = (node, inputs) => {
  const [data, indices] = [input(inputs, 0), input(inputs, 1)]
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), data.shape.length)
  return { type: data.type, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] }
}

const concat: Rule = (node, inputs) => {
  const first = input(inputs, 0)
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), first.shape.length)
  const parts = inputs.map((_, index) => input(inputs, index))
  const extents = parts.map(({ shape }) => shape[axis])
  if (extents.some((extent) => typeof extent !== 'number')) throw invalid('Concat along a symbolic extent')
  const fits = ({ shape }: TypedShape): boolean =>
    shape.length === first.shape.length &&
    shape.every((extent, other) => other === axis || extent === first.shape[other])
  if (!parts.every(fits)) throw invalid(`Concat of [${parts.map(({ shape }) => shape.join(', ')).join('] and [')}]`)
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
  const added = integers(lookup.constant(node.inputs[1] ?? ''))?.length ?? 0
  const axes = namedAxes(node, shape.length + added, lookup)
  if (axes === undefined) throw invalid('Unsqueeze without axes')
  return {
    type,
    shape: axes.toSorted((a, b) => a - b).reduce<Dim[]>((made, axis) => made.toSpliced(axis, 0, 1), [...shape]),
  }
}

const squeeze: Rule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = namedAxes(node, shape.length, lookup)
  if (axes === undefined) {
    if (shape.some((extent) => typeof extent === 'string')) throw invalid('Squeeze without axes of a symbolic extent')
    return { type, shape: shape.filter((extent) => extent !== 1) }
  }
  for (const axis of axes)
    if (typeof shape[axis] === 'number' && shape[axis] !== 1) throw invalid(`Squeeze of ${shape[axis]}`)
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
    [
      ...['Identity', 'Neg', 'Abs', 'Sign', 'Exp', 'Log', 'Sqrt', 'Reciprocal', 'Sin', 'Cos', 'Erf'],
      ...['Sigmoid', 'Tanh', 'Softplus', 'Softsign', 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Gelu'],
      ...['HardSigmoid', 'HardSwish', 'Mish'],
    ].map((op) => [op, same]),
  ),
  ...Object.fromEntries(['Not', 'ScatterND'].map((op) => [op, same])),
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min'].map((op) => [op, elementwise])),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Or', 'And'].map((op) => [op, comparison]),
  ),
  ...Object.fromEntries(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax'].map((op) => [op, reduction])),
  ...Object.fromEntries(['Softmax', 'LogSoftmax'].map((op) => [op, normalised])),
  IsNaN: (_, inputs) => ({ type: 'bool', shape: input(inputs, 0).shape }),
  PRelu: toFirst,
  Clip: clip,
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
