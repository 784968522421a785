/**
 * Gradients of what is picked, or put, by indices: added up where it came from, by ScatterElements. ScatterND would need fewer indices, but on several threads
 * ONNX Runtime loses additions to the same place.
 */
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { int, intAttribute, type Node, text } from '../ir.ts'
import { addsUp } from '../shapes/indexing.ts'
import { integers } from '../shapes/rule.ts'
import { fixedShape, inputOf, ofFirstOutput, type SingleRule, zeros } from './rule.ts'

const axisOf = (node: Node, rank: number): number => {
  const axis = intAttribute(node, 'axis', 0)
  return axis < 0 ? axis + rank : axis
}

const gather: SingleRule = (node, dy, b) => {
  const [data, indices] = [inputOf(node, 0), inputOf(node, 1)]
  const shape = fixedShape(b, data)
  const axis = axisOf(node, shape.length)
  const [only, ...others] = integers(b.constant(indices)) ?? []
  if (only !== undefined && others.length === 0) return [padded(b, dy, { shape, axis, index: only }), undefined]
  return [addedUp(b, dy, { shape, axes: [axis, axis + 1], indices }), undefined]
}

type One = { readonly shape: readonly number[]; readonly axis: number; readonly index: number }

/** Zeros around the one that was picked. */
function padded(b: GraphBuilder, dy: string, { shape, axis, index }: One): string {
  const extent = shape[axis] ?? 1
  const before = index < 0 ? index + extent : index
  const begins = shape.map((_, other) => (other === axis ? before : 0))
  const ends = shape.map((_, other) => (other === axis ? extent - 1 - before : 0))
  return b.node('Pad', [b.node('Reshape', [dy, b.axes(shape.with(axis, 1))]), b.axes([...begins, ...ends])])
}

type Picked = {
  /** Of what was picked from. */
  readonly shape: readonly number[]
  /** The axes that the indices count, as one. */
  readonly axes: readonly [first: number, end: number]
  readonly indices: string
}

/** As [what is before the axes, along them, behind them]. */
function addedUp(b: GraphBuilder, dy: string, { shape, axes: [first, end], indices }: Picked): string {
  const [before, behind] = [sizeOf(shape.slice(0, first)), sizeOf(shape.slice(end))]
  const along = sizeOf(shape.slice(first, end))
  const count = sizeOf(fixedShape(b, indices))
  const column = b.node('Reshape', [indices, b.axes([1, count, 1])])
  const places = before * behind === 1 ? column : b.node('Expand', [column, b.axes([before, count, behind])])
  const empty = b.node('Expand', [b.scalar(0), b.axes([before, along, behind])])
  const parts = b.node('Reshape', [dy, b.axes([before, count, behind])])
  const added = b.node('ScatterElements', [empty, places, parts], {
    attributes: { axis: int(1), reduction: text('add') },
  })
  return b.node('Reshape', [added, b.axes(shape)])
}

const gatherElements: SingleRule = (node, dy, b) => {
  const [data, indices] = [inputOf(node, 0), inputOf(node, 1)]
  const attributes = { ...node.attributes, reduction: text('add') }
  return [b.node('ScatterElements', [zeros(b, data), indices, dy], { attributes }), undefined]
}

/** The vectors of indices as single ones, into the first axes as one. */
const gatherND: SingleRule = (node, dy, b) => {
  const [data, indices] = [inputOf(node, 0), inputOf(node, 1)]
  const shape = fixedShape(b, data)
  const depth = Number(b.shape(indices).at(-1))
  const counted = shape.slice(0, depth)
  const isNegative = b.node('Less', [indices, b.axes([0])])
  const places = b.node('Where', [isNegative, b.node('Add', [indices, b.axes(counted)]), indices])
  const strides = b.axes(counted.map((_, axis) => sizeOf(counted.slice(axis + 1))))
  const single = b.node('ReduceSum', [b.node('Mul', [places, strides]), b.axes([-1])], {
    attributes: { keepdims: int(0) },
  })
  return [addedUp(b, dy, { shape, axes: [0, depth], indices: single }), undefined]
}

/** What was there passes where nothing replaced it; what was put gets what came of its place. */
const scatterElements: SingleRule = (node, dy, b) => {
  const [indices, updates] = [inputOf(node, 1), inputOf(node, 2)]
  const { axis = int(0) } = node.attributes
  const picked = b.node('GatherElements', [dy, indices], { attributes: { axis } })
  if (addsUp(node)) return [dy, undefined, picked]
  return [b.node('ScatterElements', [dy, indices, zeros(b, updates)], { attributes: { axis } }), undefined, picked]
}

const scatterND: SingleRule = (node, dy, b) => {
  const [indices, updates] = [inputOf(node, 1), inputOf(node, 2)]
  const picked = b.node('GatherND', [dy, indices])
  return [addsUp(node) ? dy : b.node('ScatterND', [dy, indices, zeros(b, updates)]), undefined, picked]
}

export const indexingGradients = ofFirstOutput({
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
})
