/** Element-wise operators, each as its document defines it. */

import { type ElementType, intAttribute } from '../../ir.ts'
import { at, build, commonShape, type NumberValue, numbers, type Value } from '../values.ts'
import { input, type Operator, type Operators, unary } from './operator.ts'

const integer = (type: ElementType): boolean => type !== 'float32'

/** 2/√π · e^−x² · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n+1)) (Abramowitz and Stegun 1964, 7.1.6): all terms have the sign of x. */
export function erf(x: number): number {
  // What is left is less than Float64 tells apart from 1, and terms would soon be more than it holds.
  if (Math.abs(x) > 6) return Math.sign(x)
  let [term, sum] = [x, 0]
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    sum += term
    term *= (2 * x * x) / (2 * n + 3)
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const clip: Operator = (_, inputs) => {
  const x = numbers(input(inputs, 0))
  const bound = (index: number, otherwise: number): number =>
    inputs[index] === undefined ? otherwise : at(inputs[index], [])
  const [lowest, highest] = [bound(1, Number.NEGATIVE_INFINITY), bound(2, Number.POSITIVE_INFINITY)]
  return { ...x, data: x.data.map((value) => Math.min(highest, Math.max(lowest, value))) }
}

/** Any number of operands, from left to right. */
export const elementwise =
  (f: (a: number, b: number, type: ElementType) => number): Operator =>
  (_, inputs) => {
    const operands = inputs.map((_, index) => numbers(input(inputs, index)))
    const type = operands[0]?.type ?? 'float32'
    const shape = commonShape(operands.map((operand) => operand.shape))
    return build(type, shape, (place) => operands.map((operand) => at(operand, place)).reduce((a, b) => f(a, b, type)))
  }

const comparison =
  (f: (a: number, b: number) => boolean): Operator =>
  (_, inputs) => {
    const [a, b] = [coded(inputs, 0), coded(inputs, 1)]
    return build('bool', commonShape([a.shape, b.shape]), (place) => (f(at(a, place), at(b, place)) ? 1 : 0))
  }

/** Text as numbers that are equal where the text is. */
function coded(inputs: readonly (Value | undefined)[], index: number): NumberValue {
  const value = input(inputs, index)
  if (value.type !== 'string') return value
  const all = inputs.flatMap((other) => (other?.type === 'string' ? other.data : []))
  return { type: 'int64', shape: value.shape, data: value.data.map((text) => all.indexOf(text)) }
}

const castTypes = new Map<number, NumberValue['type']>([
  [1, 'float32'],
  [2, 'uint8'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
])

const cast: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const type = castTypes.get(intAttribute(node, 'to', 0))
  if (type === undefined) throw new TypeError('Cast to a type that the reference interpreter does not know')
  const convert =
    type === 'bool'
      ? (value: number) => (value === 0 ? 0 : 1)
      : type === 'float32'
        ? (value: number) => value
        : Math.trunc
  return { type, shape: x.shape, data: x.data.map(convert) }
}

const where: Operator = (_, inputs) => {
  const [condition, yes, no] = [input(inputs, 0), numbers(input(inputs, 1)), numbers(input(inputs, 2))]
  return build(yes.type, commonShape([condition.shape, yes.shape, no.shape]), (place) =>
    at(at(condition, place) === 1 ? yes : no, place),
  )
}

/** The sign of the dividend with fmod, as with C; else that of the divisor, as with Python. */
const remainder: Operator = (node, inputs) => {
  const isC = intAttribute(node, 'fmod', 0) === 1
  return elementwise((a, b) => (isC ? a % b : a - b * Math.floor(a / b)))(node, inputs)
}

const isInfinite: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const wanted = [
    ...(intAttribute(node, 'detect_positive', 1) === 1 ? [Number.POSITIVE_INFINITY] : []),
    ...(intAttribute(node, 'detect_negative', 1) === 1 ? [Number.NEGATIVE_INFINITY] : []),
  ]
  return { type: 'bool', shape: x.shape, data: x.data.map((value) => (wanted.includes(value) ? 1 : 0)) }
}

/** Halves go to the even neighbour. */
function round(x: number): number {
  const below = Math.floor(x)
  if (x - below !== 0.5) return Math.round(x)
  return below % 2 === 0 ? below : below + 1
}

export const elementwiseOperators: Operators = {
  Identity: (_, inputs) => input(inputs, 0),
  Neg: unary((x) => -x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Abs: unary(Math.abs),
  Sign: unary(Math.sign),
  Reciprocal: unary((x) => 1 / x),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Erf: unary(erf),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(round),
  Tan: unary(Math.tan),
  Asin: unary(Math.asin),
  Acos: unary(Math.acos),
  Atan: unary(Math.atan),
  Sinh: unary(Math.sinh),
  Cosh: unary(Math.cosh),
  Asinh: unary(Math.asinh),
  Acosh: unary(Math.acosh),
  Atanh: unary(Math.atanh),
  Clip: clip,
  Not: unary((x) => 1 - x),
  IsNaN: (_, inputs) => {
    const x = numbers(input(inputs, 0))
    return { type: 'bool', shape: x.shape, data: x.data.map((value) => (Number.isNaN(value) ? 1 : 0)) }
  },
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b, type) => (integer(type) ? Math.trunc(a / b) : a / b)),
  Pow: elementwise((a, b) => a ** b),
  Mod: remainder,
  Sum: elementwise((a, b) => a + b),
  Mean: (node, inputs) => {
    const sum = numbers(input([elementwise((a, b) => a + b)(node, inputs)].flat(), 0))
    return { ...sum, data: sum.data.map((value) => value / inputs.length) }
  },
  Xor: elementwise((a, b) => (a === b ? 0 : 1)),
  IsInf: isInfinite,
  Max: elementwise((a, b) => Math.max(a, b)),
  Min: elementwise((a, b) => Math.min(a, b)),
  And: elementwise((a, b) => a * b),
  Or: elementwise((a, b) => Math.max(a, b)),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Cast: cast,
  Dropout: (_, inputs) => input(inputs, 0),
  Where: where,
}
