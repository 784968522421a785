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

/** Where in its row the element is that `isBetter` than every other: the first, or the last with select_last_index. */
const position =
  (isBetter: (x: number, than: number) => boolean): Operator =>
  (node, inputs) => {
    const x = numbers(input(inputs, 0))
    const axis = positive(intAttribute(node, 'axis', 0), x.shape.length)
    const y = build('int64', x.shape.with(axis, 1), (place) => {
      const row = range(x.shape[axis] ?? 0).map((index) => at(x, place.with(axis, index)))
      const best = row.filter((value) => !row.some((other) => isBetter(other, value)))[0] ?? Number.NaN
      return intAttribute(node, 'select_last_index', 0) === 1 ? row.lastIndexOf(best) : row.indexOf(best)
    })
    return intAttribute(node, 'keepdims', 1) === 1 ? y : { ...y, shape: x.shape.toSpliced(axis, 1) }
  }

/** 1 where the first of a row's largest is. */
const hardmax: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const axis = positive(intAttribute(node, 'axis', -1), x.shape.length)
  return build(x.type, x.shape, (place) => {
    const row = range(x.shape[axis] ?? 0).map((index) => at(x, place.with(axis, index)))
    return row.indexOf(Math.max(...row)) === place[axis] ? 1 : 0
  })
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
  ReduceMin: reduction((values) => Math.min(...values)),
  ReduceProd: reduction((values) => values.reduce((product, value) => product * value, 1)),
  ReduceL1: reduction((values) => total(values.map(Math.abs))),
  ReduceL2: reduction((values) => Math.hypot(...values)),
  ReduceLogSum: reduction((values) => Math.log(total(values))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: position((x, than) => x > than),
  ArgMin: position((x, than) => x < than),
  Hardmax: hardmax,
  CumSum: cumulative,
  Softmax: along((x, row) => Math.exp(x - logSumExp(row))),
  LogSoftmax: along((x, row) => x - logSumExp(row)),
}
