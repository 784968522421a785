/** Random uses of what is computed along axes. */

import { numbers } from '../../interpreter/values.ts'
import { int } from '../../ir.ts'
import {
  awayFromZero,
  between,
  betweenKinks,
  constant,
  distinct,
  either,
  floats,
  integersOf,
  type Operand,
  plain,
  positive,
  shapeOf,
  signed,
  sizeOf,
  someAxes,
} from '../draws.ts'
import { type Cases, each, type Filling, type Maker } from './maker.ts'

const reductionOf =
  (fill: Filling, most = 4): Maker =>
  (g) => {
    const shape = shapeOf(g, { most })
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

/** Few values, so that many are equal. */
const position: Maker = (g) => {
  const shape = shapeOf(g, { least: 1 })
  const axis = between(g, 0, shape.length - 1)
  return {
    ...plain({ type: 'float32', shape, data: integersOf(g, sizeOf(shape), { min: -1, max: 1 }) }),
    attributes: {
      ...(axis === 0 && either(g) ? {} : { axis: int(signed(g, axis, shape.length)) }),
      ...(either(g) ? {} : { keepdims: int(between(g, 0, 1)) }),
      ...(either(g) ? {} : { select_last_index: int(between(g, 0, 1)) }),
    },
  }
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

const hardmax: Maker = (g) => {
  const { operands, attributes } = normalised(g)
  const coarse = operands.map((operand) => {
    const { shape, data } = numbers(operand?.value ?? floats(g, []))
    return { value: { type: 'float32' as const, shape, data: data.map(Math.round) } }
  })
  return { operands: coarse, attributes }
}

/** In ±1.25, of which even products of many are no large numbers; at times zeros, one or several. */
const moderate: Filling = (g, shape) => {
  const value = awayFromZero(g, shape)
  return { ...value, data: value.data.map((x) => (either(g) && either(g) && either(g) ? 0 : x / 2.8)) }
}

export const reductionCases: Cases = {
  operators: {
    ...each(
      ['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2'],
      reduction,
    ),
    ReduceLogSumExp: reduction,
    ReduceProd: reductionOf(moderate),
    ReduceLogSum: reductionOf(positive),
    ...each(['Softmax', 'LogSoftmax'], normalised),
    ...each(['ArgMax', 'ArgMin'], position),
    Hardmax: hardmax,
    CumSum: cumulative,
  },
  gradients: {
    ...each(['ReduceSum', 'ReduceMean', 'ReduceSumSquare'], reduction),
    ...each(['ReduceMax', 'ReduceMin'], reductionOf(distinct)),
    ReduceProd: reductionOf(moderate),
    ReduceL1: reductionOf(betweenKinks),
    ReduceL2: reductionOf(awayFromZero, 3),
    ReduceLogSum: reductionOf(positive, 3),
    ReduceLogSumExp: reductionOf(floats, 3),
    ...each(['Softmax', 'LogSoftmax'], normalised),
    CumSum: cumulative,
  },
}
