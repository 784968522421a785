/** Shapes of values that are made out of shapes, counts and places alone. */
import { type Dim, intAttribute } from '../ir.ts'
import { given } from './movement.ts'
import { axisOf, bounded, input, integers, invalid, type Lookup, type ShapeRule } from './rule.ts'

/** A count that is known before anything runs; its value is a constant elsewhere. */
const shapeRule: ShapeRule = (node, inputs) => {
  const rank = input(inputs, 0).shape.length
  const within = (axis: number): number => Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis))
  const [start, end] = [within(intAttribute(node, 'start', 0)), within(intAttribute(node, 'end', rank))]
  return { type: 'int64', shape: [Math.max(0, end - start)] }
}

const constantOfShape: ShapeRule = (node, inputs, lookup) => {
  input(inputs, 0)
  const extents = given(node, 0, lookup) ?? []
  const { value } = node.attributes
  const isOne = value === undefined || (value.kind === 'tensor' && value.value.data.length === 1)
  if (!isOne || extents.some((extent) => extent < 0)) throw invalid(`ConstantOfShape of [${extents.join(', ')}]`)
  return { type: value?.kind === 'tensor' ? value.value.type : 'float32', shape: bounded(node.op, extents) }
}

/** Start, limit and step are constants. */
const range: ShapeRule = (node, inputs, lookup) => {
  const { type } = input(inputs, 0)
  const [start = Number.NaN, limit = Number.NaN, step = Number.NaN] = node.inputs.map((name) => single(name, lookup))
  const count = Math.max(0, Math.ceil((limit - start) / step))
  if (step === 0 || !Number.isFinite(count) || inputs.some((each) => each?.type !== type))
    throw invalid(`Range from ${start} to ${limit} by ${step}`)
  return { type, shape: bounded(node.op, [count]) }
}

/** The one value of a constant; undefined where it is computed, or has more. */
function single(name: string, lookup: Pick<Lookup, 'constant'>): number | undefined {
  const tensor = lookup.constant(name)
  if (tensor === undefined || tensor.type === 'string' || tensor.data.length !== 1) return undefined
  return Number(tensor.data[0])
}

/** `values` are what is elsewhere and what is at the index. */
const oneHot: ShapeRule = (node, inputs, lookup) => {
  const [indices, values] = [input(inputs, 0), input(inputs, 2)]
  const [depth = 0] = integers(lookup.constant(node.inputs[1] ?? '')) ?? []
  if (depth < 1 || indices.shape.length === 0 || values.shape.length !== 1 || values.shape[0] !== 2)
    throw invalid(`OneHot of ${depth} with values of [${values.shape.join(', ')}]`)
  const axis = axisOf(node.op, intAttribute(node, 'axis', -1), indices.shape.length + 1)
  return { type: values.type, shape: bounded(node.op, indices.shape.toSpliced(axis, 0, depth satisfies Dim)) }
}

export const fillingShapes: Readonly<Record<string, ShapeRule>> = {
  Shape: shapeRule,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
}
