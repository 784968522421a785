/** What is computed along axes. */

import { intAttribute } from '../../ir.ts'
import { at, build, numbers, places, range } from '../values.ts'
import { axesOf, input, type Operator, type Operators, positive, total } from './operator.ts'

const reduction =
  (f: (values: readonly number[]) => number): Operator =>
  (node, inputs) => {
    const x = numbers(input(inputs, 0))
    const named = axesOf(inputs, x.shape.length) ?? []
    const axes = named.length === 0 ? range(x.shape.length) : named
    const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    const y = build(x.type, kept, (place) =>
      f(
        places(x.shape)
          .filter((source) => source.every((index, axis) => axes.includes(axis) || index === place[axis]))
          .map((source) => at(x, source)),
      ),
    )
    return intAttribute(node, 'keepdims', 1) === 1
      ? y
      : { ...y, shape: x.shape.filter((_, axis) => !axes.includes(axis)) }
  }

/** Along the node's axis: `f` gets the element and its whole row. */
const along =
  (f: (x: number, row: readonly number[]) => number): Operator =>
  (node, inputs) => {
    const x = numbers(input(inputs, 0))
    const axis = positive(intAttribute(node, 'axis', -1), x.shape.length)
    return build(x.type, x.shape, (place) =>
      f(
        at(x, place),
        range(x.shape[axis] ?? 0).map((index) => at(x, place.with(axis, index))),
      ),
    )
  }

/** log Σ eˣ, which no x overflows. */
function logSumExp(row: readonly number[]): number {
  const largest = Math.max(...row)
  return largest + Math.log(total(row.map((x) => Math.exp(x - largest))))
}

const cumulative: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const axis = positive(numbers(input(inputs, 1)).data[0] ?? 0, x.shape.length)
  const [turned, exclusive] = [intAttribute(node, 'reverse', 0) === 1, intAttribute(node, 'exclusive', 0) === 1]
  return build(x.type, x.shape, (place) => {
    const here = place[axis] ?? 0
    const counts = (index: number): boolean => (index === here ? !exclusive : turned ? index > here : index < here)
    return total(
      range(x.shape[axis] ?? 0)
        .filter(counts)
        .map((index) => at(x, place.with(axis, index))),
    )
  })
}

export const reductionOperators: Operators = {
  ReduceSum: reduction(total),
  ReduceMean: reduction((values) => total(values) / values.length),
  ReduceSumSquare: reduction((values) => total(values.map((value) => value * value))),
  ReduceMax: reduction((values) => Math.max(...values)),
  CumSum: cumulative,
  Softmax: along((x, row) => Math.exp(x - logSumExp(row))),
  LogSoftmax: along((x, row) => x - logSumExp(row)),
}
