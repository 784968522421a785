/** The parts of a value. */
import { intAttribute } from '../../ir.ts'
import { numbers, rearranged } from '../values.ts'
import { input, type Operator, type Operators, positive, total } from './operator.ts'

const split: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const axis = positive(intAttribute(node, 'axis', 0), x.shape.length)
  const extent = x.shape[axis] ?? 0
  const count = node.outputs.length
  const equal = Math.ceil(extent / count)
  const sizes =
    inputs[1] === undefined
      ? node.outputs.map((_, index) => Math.min(equal, extent - index * equal))
      : numbers(inputs[1]).data
  return sizes.map((size, index) => {
    const start = total(sizes.slice(0, index))
    return rearranged(x, x.shape.with(axis, size), (place) => place.with(axis, (place[axis] ?? 0) + start))
  })
}

export const splittingOperators: Operators = { Split: split }
