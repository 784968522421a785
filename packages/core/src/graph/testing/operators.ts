/** The operators of the reference interpreter, each as its document defines it. */
import { type ElementType, floatAttribute, intAttribute, intsAttribute, type Node } from '../ir.ts'
import { convolution, transposedConvolution } from './convolution.ts'
import { at, build, commonShape, type NumberValue, numbers, places, range, rearranged, type Value } from './values.ts'

type Operator = (node: Node, inputs: readonly (Value | undefined)[]) => Value

function input(inputs: readonly (Value | undefined)[], index: number): Value {
  const value = inputs[index]
  if (value === undefined) throw new TypeError(`input ${index + 1} is missing`)
  return value
}

const integer = (type: ElementType): boolean => type !== 'float32'

const unary =
  (f: (x: number) => number): Operator =>
  (_, inputs) => {
    const x = numbers(input(inputs, 0))
    return { ...x, data: x.data.map(f) }
  }

/** With the node's float attributes. */
const shaped =
  (f: (x: number, attributes: Readonly<Record<string, number>>) => number): Operator =>
  (node, inputs) => {
    const given = Object.keys(node.attributes).map((name) => [name, floatAttribute(node, name, Number.NaN)] as const)
    const attributes = Object.fromEntries(given)
    return unary((x) => f(x, attributes))(node, inputs)
  }

const softplus = (x: number): number => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)))

/** 2/√π · e^−x² · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n+1)) (Abramowitz and Stegun 1964, 7.1.6): all terms have the sign of x. */
function erf(x: number): number {
  let [term, sum] = [x, 0]
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    sum += term
    term *= (2 * x * x) / (2 * n + 3)
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const gelu: Operator = (node, inputs) => {
  const { approximate } = node.attributes
  const isTanh = approximate?.kind === 'string' && approximate.value === 'tanh'
  const twice = (x: number): number =>
    isTanh ? 1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)) : 1 + erf(x * Math.SQRT1_2)
  return unary((x) => 0.5 * x * twice(x))(node, inputs)
}

const clip: Operator = (_, inputs) => {
  const x = numbers(input(inputs, 0))
  const bound = (index: number, otherwise: number): number =>
    inputs[index] === undefined ? otherwise : at(inputs[index], [])
  const [lowest, highest] = [bound(1, Number.NEGATIVE_INFINITY), bound(2, Number.POSITIVE_INFINITY)]
  return { ...x, data: x.data.map((value) => Math.min(highest, Math.max(lowest, value))) }
}

/** Any number of operands, from left to right. */
const elementwise =
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

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** Axes of the optional second input. */
const axesOf = (inputs: readonly (Value | undefined)[], rank: number): readonly number[] | undefined =>
  inputs[1] && numbers(inputs[1]).data.map((axis) => positive(axis, rank))

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

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

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

const matMul: Operator = (_, inputs) => {
  const [a, b] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  const inner = a.shape.at(-1) ?? 0
  const batch = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)])
  return build(a.type, [...batch, a.shape.at(-2) ?? 0, b.shape.at(-1) ?? 0], (place) => {
    const [lead, row, column] = [place.slice(0, -2), place.at(-2) ?? 0, place.at(-1) ?? 0]
    return total(range(inner).map((k) => at(a, [...lead, row, k]) * at(b, [...lead, k, column])))
  })
}

const gemm: Operator = (node, inputs) => {
  const turned = (name: string, value: Value): NumberValue =>
    numbers(
      intAttribute(node, name, 0) === 1
        ? rearranged(value, value.shape.toReversed(), (place) => place.toReversed())
        : value,
    )
  const [a, b] = [turned('transA', input(inputs, 0)), turned('transB', input(inputs, 1))]
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
  return build(a.type, [a.shape[0] ?? 0, b.shape[1] ?? 0], (place) => {
    const [row = 0, column = 0] = place
    const product = total(range(a.shape[1] ?? 0).map((k) => at(a, [row, k]) * at(b, [k, column])))
    return alpha * product + (inputs[2] === undefined ? 0 : beta * at(inputs[2], place))
  })
}

const transpose: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const order = intsAttribute(node, 'perm') ?? range(x.shape.length).toReversed()
  return rearranged(
    x,
    order.map((axis) => x.shape[axis] ?? 0),
    (place) => range(order.length).map((axis) => place[order.indexOf(axis)] ?? 0),
  )
}

const reshaped = (value: Value, shape: readonly number[]): Value =>
  value.type === 'string' ? { ...value, shape } : { ...value, shape }

const reshape: Operator = (node, inputs) => {
  const x = input(inputs, 0)
  const wanted = numbers(input(inputs, 1)).data
  const zeros = intAttribute(node, 'allowzero', 0) === 1
  const copied = wanted.map((extent, axis) => (extent === 0 && !zeros ? (x.shape[axis] ?? 0) : extent))
  const known = copied.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1)
  return reshaped(
    x,
    copied.map((extent) => (extent === -1 ? x.data.length / known : extent)),
  )
}

const unsqueeze: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const rank = x.shape.length + numbers(input(inputs, 1)).data.length
  const axes = axesOf(inputs, rank) ?? []
  const rest = [...x.shape]
  return reshaped(
    x,
    range(rank).map((axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 0))),
  )
}

const squeeze: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const axes = axesOf(inputs, x.shape.length)
  return reshaped(
    x,
    x.shape.filter((extent, axis) => (axes === undefined ? extent !== 1 : !axes.includes(axis))),
  )
}

const expand: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const shape = commonShape([x.shape, numbers(input(inputs, 1)).data])
  return rearranged(x, shape, (place) =>
    place.slice(shape.length - x.shape.length).map((index, axis) => (x.shape[axis] === 1 ? 0 : index)),
  )
}

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

/** Updates go where the last axis of the indices points, one after another. */
const scatterND: Operator = (node, inputs) => {
  const [x, indices, updates] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)), numbers(input(inputs, 2))]
  const attribute = node.attributes.reduction
  const how = attribute?.kind === 'string' ? attribute.value : 'none'
  if (how !== 'none' && how !== 'add') throw new TypeError(`ScatterND that reduces by ${how}`)
  const depth = indices.shape.at(-1) ?? 0
  const result = new Map(places(x.shape).map((place) => [place.join(), at(x, place)]))
  for (const source of places(updates.shape)) {
    const lead = source.slice(0, indices.shape.length - 1)
    const target = range(depth).map((axis) => positive(at(indices, [...lead, axis]), x.shape[axis] ?? 0))
    const key = [...target, ...source.slice(lead.length)].join()
    result.set(key, at(updates, source) + (how === 'add' ? (result.get(key) ?? Number.NaN) : 0))
  }
  return build(x.type, x.shape, (place) => result.get(place.join()) ?? Number.NaN)
}

const concat: Operator = (node, inputs) => {
  const parts = inputs.map((_, index) => numbers(input(inputs, index)))
  const first = numbers(input(inputs, 0))
  const axis = positive(intAttribute(node, 'axis', 0), first.shape.length)
  const whole = parts.flatMap((part) => range(part.shape[axis] ?? 0).map((index) => ({ part, index })))
  return build(first.type, first.shape.with(axis, whole.length), (place) => {
    const { part, index } = whole[place[axis] ?? 0] ?? { part: first, index: 0 }
    return at(part, place.with(axis, index))
  })
}

/** Bounds as Python's slices have them. */
const slice: Operator = (_, inputs) => {
  const x = input(inputs, 0)
  const of = (index: number): readonly number[] | undefined => inputs[index] && numbers(inputs[index]).data
  const [starts = [], ends = [], axes = range(starts.length), steps = []] = [of(1), of(2), of(3), of(4)]
  const taken = x.shape.map((extent) => range(extent))
  for (const [index, named] of axes.entries()) {
    const axis = positive(named, x.shape.length)
    const [extent, step] = [x.shape[axis] ?? 0, steps[index] ?? 1]
    const clamped = (bound: number): number =>
      Math.max(step > 0 ? 0 : -1, Math.min(step > 0 ? extent : extent - 1, bound < 0 ? bound + extent : bound))
    const found: number[] = []
    const end = clamped(ends[index] ?? 0)
    for (let at = Math.max(0, clamped(starts[index] ?? 0)); step > 0 ? at < end : at > end; at += step) found.push(at)
    taken[axis] = found
  }
  return rearranged(
    x,
    taken.map(({ length }) => length),
    (place) => place.map((index, axis) => taken[axis]?.[index] ?? 0),
  )
}

const pad: Operator = (_, inputs) => {
  const [x, pads] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)).data]
  const rank = x.shape.length
  const value = inputs[2] === undefined ? 0 : at(inputs[2], [])
  const shape = x.shape.map((extent, axis) => extent + (pads[axis] ?? 0) + (pads[axis + rank] ?? 0))
  return build(x.type, shape, (place) => {
    const source = place.map((index, axis) => index - (pads[axis] ?? 0))
    return source.every((index, axis) => index >= 0 && index < (x.shape[axis] ?? 0)) ? at(x, source) : value
  })
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

export const operators: Readonly<Record<string, Operator>> = {
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
  Relu: unary((x) => Math.max(0, x)),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Tanh: unary(Math.tanh),
  Softplus: unary(softplus),
  Softsign: unary((x) => x / (1 + Math.abs(x))),
  LeakyRelu: shaped((x, { alpha = 0.01 }) => (x < 0 ? alpha * x : x)),
  Elu: shaped((x, { alpha = 1 }) => (x < 0 ? alpha * Math.expm1(x) : x)),
  Selu: shaped((x, { alpha = 1.6732631921768188, gamma = 1.0507010221481323 }) =>
    x < 0 ? gamma * alpha * Math.expm1(x) : gamma * x,
  ),
  HardSigmoid: shaped((x, { alpha = 0.2, beta = 0.5 }) => Math.max(0, Math.min(1, alpha * x + beta))),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Mish: unary((x) => x * Math.tanh(softplus(x))),
  Gelu: gelu,
  PRelu: elementwise((x, slope) => (x < 0 ? slope * x : x)),
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
  Max: elementwise((a, b) => Math.max(a, b)),
  Min: elementwise((a, b) => Math.min(a, b)),
  And: elementwise((a, b) => a * b),
  Or: elementwise((a, b) => Math.max(a, b)),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  ReduceSum: reduction(total),
  ReduceMean: reduction((values) => total(values) / values.length),
  ReduceSumSquare: reduction((values) => total(values.map((value) => value * value))),
  ReduceMax: reduction((values) => Math.max(...values)),
  Softmax: along((x, row) => Math.exp(x - logSumExp(row))),
  LogSoftmax: along((x, row) => x - logSumExp(row)),
  MatMul: matMul,
  Gemm: gemm,
  Transpose: transpose,
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
  Gather: gather,
  ScatterND: scatterND,
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Cast: cast,
  Where: where,
}
