/** Random uses of element-wise operators. */

import { float32, type NumberValue, type Value } from '../../interpreter/values.ts'
import { int } from '../../ir.ts'
import {
  awayFromZero,
  between,
  betweenKinks,
  broadcastable,
  either,
  floats,
  integersOf,
  type Operand,
  oneOf,
  plain,
  positive,
  shapeOf,
  sizeOf,
  truths,
  whole,
} from '../draws.ts'
import { binary, type Cases, each, type Filling, type Maker, unary } from './maker.ts'

/** Any of the number types, the same for both operands. */
const arithmetic =
  (second: (value: NumberValue) => NumberValue = (value) => value): Maker =>
  (g) => {
    const type = oneOf(g, ['float32', 'int32', 'int64'] as const)
    const fill: Filling = type === 'float32' ? floats : (draw, shape) => whole(draw, shape, type)
    const [a = [], b = []] = broadcastable(g, 2)
    return plain(fill(g, a), second(fill(g, b)))
  }

const variadic: Maker = (g) => plain(...broadcastable(g, between(g, 1, 3)).map((shape) => floats(g, shape)))

/** Operands of which no two have equal elements. */
const apart: Maker = (g) => {
  const shapes = broadcastable(g, between(g, 1, 3))
  return plain(...shapes.map((shape, index) => moved(floats(g, shape), index / 256)))
}

const moved = (value: NumberValue, by: number): NumberValue => ({ ...value, data: value.data.map((x) => x + by) })

/** Bounds between the values; the upper one, or both, may be left out. */
const clip: Maker = (g) => {
  const bound = (value: number): Operand => ({ value: { type: 'float32', shape: [], data: [value] }, constant: true })
  const [lowest, highest] = [bound(-1 - 1 / 128), bound(1 + 1 / 128)]
  const bounds = oneOf(g, [[lowest, highest], [lowest], []])
  return { operands: [{ value: floats(g, shapeOf(g)) }, ...bounds], attributes: {} }
}

const equal: Maker = (g) => {
  const [a = [], b = []] = broadcastable(g, 2)
  const words = (shape: readonly number[]): Value => ({
    type: 'string',
    shape,
    data: integersOf(g, sizeOf(shape), { min: 0, max: 2 }).map((index) => ['', 'no', 'yes'][index] ?? ''),
  })
  return oneOf(g, [() => plain(words(a), words(b)), () => plain(whole(g, a, 'int64'), whole(g, b, 'int64'))])()
}

const onnxTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const

const cast: Maker = (g) => {
  const [from, to] = [
    oneOf(g, ['float32', 'uint8', 'int32', 'int64', 'bool'] as const),
    oneOf(g, Object.values(onnxTypes)),
  ]
  const shape = shapeOf(g)
  const value = from === 'float32' ? floats(g, shape) : from === 'bool' ? truths(g, shape) : whole(g, shape, from)
  // What a negative number becomes as uint8 is not defined.
  const safe = to === onnxTypes.uint8 ? { ...value, data: value.data.map(Math.abs) } : value
  return { ...plain(safe), attributes: { to: int(to) } }
}

const where: Maker = (g) => {
  const [condition = [], yes = [], no = []] = broadcastable(g, 3)
  return plain(truths(g, condition), floats(g, yes), floats(g, no))
}

const withGaps: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => (either(g) ? Number.NaN : x)) }
}

const withInfinities: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => (either(g) ? x : x < 0 ? Number.NEGATIVE_INFINITY : 1 / 0)) }
}

const isInfinite: Maker = (g) => ({
  ...plain(withInfinities(g, shapeOf(g))),
  attributes: {
    ...(either(g) ? {} : { detect_negative: int(between(g, 0, 1)) }),
    ...(either(g) ? {} : { detect_positive: int(between(g, 0, 1)) }),
  },
})

const halves: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => Math.round(x * 2) / 2) }
}

/** In ±0.9. */
const inside: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => x * 0.296875) }
}
/** At least 1.5. */
const aboveOne: Filling = (g, shape) => {
  const value = positive(g, shape)
  return { ...value, data: value.data.map((x) => x + 1) }
}

/** Numbers, with fmod; or whole numbers, either way. */
const remainder: Maker = (g) => {
  const type = oneOf(g, ['float32', 'int32', 'int64'] as const)
  const fill: Filling = type === 'float32' ? floats : (draw, shape) => whole(draw, shape, type)
  const [a = [], b = []] = broadcastable(g, 2)
  const isC = type === 'float32' || either(g)
  return { ...plain(fill(g, a), nonZero(fill(g, b))), attributes: isC ? { fmod: int(1) } : {} }
}

/** Quotients between whole numbers: multiples of 1/64 and 1/128 more, by powers of 2. */
const betweenQuotients: Maker = (g) => {
  const [a = [], b = []] = broadcastable(g, 2)
  const divisor = floats(g, b)
  const powers = divisor.data.map((x) => Math.sign(x || 1) * 2 ** Math.floor(Math.abs(x)))
  return { ...plain(betweenKinks(g, a), { ...divisor, data: powers }), attributes: { fmod: int(1) } }
}

/** No gradient flows through it. */
const step: Maker = (g) => ({ operands: [{ value: betweenKinks(g, shapeOf(g)), still: true }], attributes: {} })

const nonZero = (value: NumberValue): NumberValue => ({ ...value, data: value.data.map((x) => (x === 0 ? 1 : x)) })

/** Not in training. */
const dropout: Maker = (g) => {
  const ratio: Operand = { value: float32([], [0.5]), constant: true }
  const off: Operand = { value: { type: 'bool', shape: [], data: [0] }, constant: true }
  return {
    operands: [{ value: floats(g, shapeOf(g)) }, ...(either(g) ? [] : [ratio, ...(either(g) ? [off] : [])])],
    attributes: {},
  }
}

export const elementwiseCases: Cases = {
  operators: {
    ...each(['Identity', 'Neg', 'Abs', 'Sign', 'Exp', 'Sin', 'Cos', 'Erf'], unary()),
    ...each(['Log', 'Sqrt'], unary(positive)),
    Reciprocal: unary(awayFromZero),
    ...each(['Floor', 'Ceil', 'Round'], unary(halves)),
    ...each(['Atan', 'Sinh', 'Cosh', 'Asinh'], unary()),
    ...each(['Tan', 'Asin', 'Acos', 'Atanh'], unary(inside)),
    Acosh: unary(aboveOne),
    Mod: remainder,
    IsInf: isInfinite,
    ...each(['Sum', 'Mean'], variadic),
    Clip: clip,
    ...each(['Add', 'Sub', 'Mul'], arithmetic()),
    Div: arithmetic(nonZero),
    ...each(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'], arithmetic()),
    ...each(['Max', 'Min'], variadic),
    ...each(['And', 'Or', 'Xor'], binary(truths)),
    Not: unary(truths),
    IsNaN: unary(withGaps),
    Pow: binary(positive, floats),
    Equal: equal,
    Cast: cast,
    Where: where,
    Dropout: dropout,
  },
  gradients: {
    ...each(['Identity', 'Neg', 'Exp', 'Sin', 'Cos', 'Erf'], unary()),
    ...each(['Atan', 'Sinh', 'Cosh', 'Asinh'], unary()),
    ...each(['Tan', 'Asin', 'Acos', 'Atanh'], unary(inside)),
    Acosh: unary(aboveOne),
    ...each(['Floor', 'Ceil', 'Round', 'Sign'], step),
    Mod: betweenQuotients,
    ...each(['Sum', 'Mean'], variadic),
    Abs: unary(betweenKinks),
    Reciprocal: unary(awayFromZero),
    ...each(['Log', 'Sqrt'], unary(positive)),
    ...each(['Add', 'Sub', 'Mul'], binary()),
    Div: binary(floats, awayFromZero),
    ...each(['Max', 'Min'], apart),
    Pow: binary(positive, floats),
    Clip: clip,
    Where: where,
    Dropout: dropout,
  },
}
