/** Random uses of what is computed along axes. */

import { int } from '../../ir.ts'
import {
  between,
  constant,
  distinct,
  either,
  floats,
  type Operand,
  plain,
  shapeOf,
  signed,
  someAxes,
} from '../draws.ts'
import { type Cases, each, type Filling, type Maker } from './maker.ts'

const reductionOf =
  (fill: Filling): Maker =>
  (g) => {
    const shape = shapeOf(g)
    const keepdims = either(g) ? {} : { keepdims: int(between(g, 0, 1)) }
    const value = { value: fill(g, shape) }
    if (either(g) && either(g)) return { operands: [value], attributes: keepdims }
    // Both no input and an empty one mean every axis.
    const axes = either(g) && either(g) ? [] : someAxes(g, shape.length)
    return { operands: [value, constant(axes)], attributes: keepdims }
  }

const reduction = reductionOf(floats)

const normalised: Maker = (g) => {
  const shape = shapeOf(g, { least: 1 })
  const axis = signed(g, between(g, 0, shape.length - 1), shape.length)
  return { ...plain(floats(g, shape)), attributes: either(g) ? {} : { axis: int(axis) } }
}

const cumulative: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = signed(g, between(g, 0, shape.length - 1), shape.length)
  const named: Operand = { value: { type: 'int64', shape: either(g) ? [] : [1], data: [axis] }, constant: true }
  return {
    operands: [{ value: floats(g, shape) }, named],
    attributes: {
      ...(either(g) ? {} : { reverse: int(between(g, 0, 1)) }),
      ...(either(g) ? {} : { exclusive: int(between(g, 0, 1)) }),
    },
  }
}

export const reductionCases: Cases = {
  operators: {
    ...each(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax'], reduction),
    ...each(['Softmax', 'LogSoftmax'], normalised),
    CumSum: cumulative,
  },
  gradients: {
    ...each(['ReduceSum', 'ReduceMean', 'ReduceSumSquare'], reduction),
    ReduceMax: reductionOf(distinct),
    ...each(['Softmax', 'LogSoftmax'], normalised),
    CumSum: cumulative,
  },
}
