/** What a shape rule is, and what rules share. Symbolic extents (`batch`) stay symbolic. */
import { WardroundError } from '../../errors.ts'
import type { Dim, ElementType, Node, Shape, Tensor } from '../ir.ts'

export type TypedShape = { readonly type: ElementType; readonly shape: Shape }
export type Lookup = {
  info(name: string): TypedShape
  /** The value of a constant input (axes, target shapes), where it is one. */
  constant(name: string): Tensor | undefined
}

/** An input that is left out is undefined. */
export type Inputs = readonly (TypedShape | undefined)[]
/** Of an operator's output; of one with several, of each in their order, whether or not the node names it. */
export type ShapeRule = (node: Node, inputs: Inputs, lookup: Lookup) => TypedShape | readonly TypedShape[]
export type SingleShapeRule = (node: Node, inputs: Inputs, lookup: Lookup) => TypedShape

export const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

/** Well-formed, and not supported. */
export const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })

/** Of what is filled rather than computed: as many values as all constants of a graph may hold. Errors: WR_GRAPH_REFUSED for more. */
export function bounded(op: string, shape: Shape): Shape {
  const size = shape.reduce<number>((product, extent) => product * (typeof extent === 'number' ? extent : 1), 1)
  if (!(size <= 2 ** 28)) throw refused(`${op} makes ${size} values`)
  return shape
}

/** As many as NumPy has, and more than any runtime computes with. */
export const mostAxes = 64

export function input(inputs: Inputs, index: number): TypedShape {
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

/** `axis` counted from the front. */
export function axisOf(op: string, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw invalid(`${op} names axis ${axis} of ${rank}`)
  return axis < 0 ? axis + rank : axis
}

/** Axes as a constant second input (opset 18), where there is one. */
export function namedAxes(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): readonly number[] | undefined {
  const name = node.inputs[1]
  if (name === undefined) return undefined
  const axes = integers(lookup.constant(name))?.map((axis) => axisOf(node.op, axis, rank))
  if (axes === undefined) throw invalid(`the axes of ${node.op} are not constant`)
  if (new Set(axes).size !== axes.length) throw invalid(`${node.op} names an axis twice`)
  return axes
}

export const integers = (tensor: Tensor | undefined): readonly number[] | undefined =>
  tensor?.type === 'int64' ? Array.from(tensor.data, Number) : undefined
