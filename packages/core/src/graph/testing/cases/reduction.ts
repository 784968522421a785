/** Random uses of what is computed along axes. */

import { int } from '../../ir.ts'
import { between, constant, distinct, either, floats, plain, shapeOf, signed, someAxes } from '../draws.ts'
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

export const reductionCases: Cases = {
  operators: {
    ...each(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax'], reduction),
    ...each(['Softmax', 'LogSoftmax'], normalised),
  },
  gradients: {
    ...each(['ReduceSum', 'ReduceMean', 'ReduceSumSquare'], reduction),
    ReduceMax: reductionOf(distinct),
    ...each(['Softmax', 'LogSoftmax'], normalised),
  },
}
