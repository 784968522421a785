/** What is picked, or put, by indices. */
import { intAttribute, type Node } from '../../ir.ts'
import { at, build, type NumberValue, numbers, type Place, places, range, rearranged } from '../values.ts'
import { input, type Operator, type Operators, positive } from './operator.ts'

const gather: Operator = (node, inputs) => {
  const [x, indices] = [input(inputs, 0), numbers(input(inputs, 1))]
  const axis = positive(intAttribute(node, 'axis', 0), x.shape.length)
  const after = axis + indices.shape.length
  return rearranged(x, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], (place) => [
    ...place.slice(0, axis),
    positive(at(indices, place.slice(axis, after)), x.shape[axis] ?? 0),
    ...place.slice(after),
  ])
}

/** Where on the node's axis the index at `place` points. */
function along(node: Node, x: NumberValue, indices: NumberValue): (place: Place) => Place {
  const axis = positive(intAttribute(node, 'axis', 0), x.shape.length)
  return (place) => place.with(axis, positive(at(indices, place), x.shape[axis] ?? 0))
}

const gatherElements: Operator = (node, inputs) => {
  const [x, indices] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  return rearranged(x, indices.shape, along(node, x, indices))
}

type Put = { readonly x: NumberValue; readonly updates: NumberValue; readonly to: (source: Place) => Place }

/** Updates go to their places one after another. */
function put(node: Node, { x, updates, to }: Put): NumberValue {
  const attribute = node.attributes.reduction
  const how = attribute?.kind === 'string' ? attribute.value : 'none'
  if (how !== 'none' && how !== 'add') throw new TypeError(`${node.op} that reduces by ${how}`)
  const result = new Map(places(x.shape).map((place) => [place.join(), at(x, place)]))
  for (const source of places(updates.shape)) {
    const key = to(source).join()
    result.set(key, at(updates, source) + (how === 'add' ? (result.get(key) ?? Number.NaN) : 0))
  }
  return build(x.type, x.shape, (place) => result.get(place.join()) ?? Number.NaN)
}

const scatterElements: Operator = (node, inputs) => {
  const [x, indices, updates] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)), numbers(input(inputs, 2))]
  return put(node, { x, updates, to: along(node, x, indices) })
}

/** Where the last axis of the indices points. */
function pointed(x: NumberValue, indices: NumberValue): (source: Place) => Place {
  const lead = indices.shape.length - 1
  return (source) => [
    ...range(indices.shape.at(-1) ?? 0).map((axis) =>
      positive(at(indices, [...source.slice(0, lead), axis]), x.shape[axis] ?? 0),
    ),
    ...source.slice(lead),
  ]
}

const gatherND: Operator = (_, inputs) => {
  const [x, indices] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(indices.shape.at(-1) ?? 0)]
  return rearranged(x, shape, pointed(x, indices))
}

const scatterND: Operator = (node, inputs) => {
  const [x, indices, updates] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)), numbers(input(inputs, 2))]
  return put(node, { x, updates, to: pointed(x, indices) })
}

export const indexingOperators: Operators = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
}
