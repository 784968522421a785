/** Shapes of what is computed along axes. */
import { type Dim, intAttribute, type Node } from '../ir.ts'
import { axisOf, input, integers, invalid, type Lookup, namedAxes, type ShapeRule } from './rule.ts'

/** What a reduction sums over: the named axes, or all where none is named. */
export function reducedAxes(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): readonly number[] {
  const axes = namedAxes(node, rank, lookup) ?? []
  if (axes.length > 0) return axes
  // ONNX's versions do not agree on what the operator still does then.
  if (intAttribute(node, 'noop_with_empty_axes', 0) === 1) throw invalid(`${node.op} over no axes`)
  return Array.from({ length: rank }, (_, axis) => axis)
}

const reduction: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = reducedAxes(node, shape.length, lookup)
  const keep = intAttribute(node, 'keepdims', 1) === 1
  const kept = shape.map((extent, axis): Dim => (axes.includes(axis) ? 1 : extent))
  return { type, shape: keep ? kept : kept.filter((_, axis) => !axes.includes(axis)) }
}

const normalised: ShapeRule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  axisOf(node.op, intAttribute(node, 'axis', -1), shape.length)
  return { type, shape }
}

/** Its axis is a constant second input. */
const cumulative: ShapeRule = (node, inputs, lookup) => {
  const x = input(inputs, 0)
  const [axis, ...others] = integers(lookup.constant(node.inputs[1] ?? '')) ?? []
  if (axis === undefined || others.length > 0) throw invalid(`the axis of ${node.op} is not constant`)
  axisOf(node.op, axis, x.shape.length)
  return x
}

/** Where the largest or smallest is, along one axis. */
const position: ShapeRule = (node, inputs) => {
  const { shape } = input(inputs, 0)
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), shape.length)
  const isKept = intAttribute(node, 'keepdims', 1) === 1
  return { type: 'int64', shape: isKept ? shape.with(axis, 1) : shape.toSpliced(axis, 1) }
}

const reductions = [
  ...['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceProd'],
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp'],
]

export const reductionShapes: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(reductions.map((op) => [op, reduction])),
  ...Object.fromEntries(['Softmax', 'LogSoftmax', 'Hardmax'].map((op) => [op, normalised])),
  ...Object.fromEntries(['ArgMax', 'ArgMin'].map((op) => [op, position])),
  CumSum: cumulative,
}
