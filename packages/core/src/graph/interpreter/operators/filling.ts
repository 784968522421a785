/** Values that are made out of shapes, counts and places alone. */
import { intAttribute } from '../../ir.ts'
import { at, build, fromTensor, numbers } from '../values.ts'
import { input, type Operator, type Operators, positive } from './operator.ts'

const shape: Operator = (node, inputs) => {
  const extents = input(inputs, 0).shape
  // Python's slices count and clamp as the operator does.
  const taken = extents.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', extents.length))
  return { type: 'int64', shape: [taken.length], data: taken }
}

const constantOfShape: Operator = (node, inputs) => {
  const { value } = node.attributes
  const given = value?.kind === 'tensor' ? numbers(fromTensor(value.value)) : undefined
  return build(given?.type ?? 'float32', numbers(input(inputs, 0)).data, () => given?.data[0] ?? 0)
}

const range: Operator = (_, inputs) => {
  const [start, limit, step] = [0, 1, 2].map((index) => numbers(input(inputs, index)).data[0] ?? Number.NaN)
  const type = numbers(input(inputs, 0)).type
  const data: number[] = []
  const [first = 0, last = 0, by = 1] = [start, limit, step]
  for (let value = first; by > 0 ? value < last : value > last; value += by) data.push(value)
  return { type, shape: [data.length], data }
}

const oneHot: Operator = (node, inputs) => {
  const [indices, values] = [numbers(input(inputs, 0)), numbers(input(inputs, 2))]
  const depth = numbers(input(inputs, 1)).data[0] ?? 0
  const axis = positive(intAttribute(node, 'axis', -1), indices.shape.length + 1)
  return build(values.type, indices.shape.toSpliced(axis, 0, depth), (place) => {
    const index = positive(at(indices, place.toSpliced(axis, 1)), depth)
    return at(values, [index === place[axis] ? 1 : 0])
  })
}

export const fillingOperators: Operators = {
  Shape: shape,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
}
