/**
 * Random uses of every operator: `operatorCases` for what it computes, `gradientCases` for its gradient rule, away from kinks and with what
 * the rule accepts. Values are multiples of 1/64, exact in Float32.
 */
import fc from 'fast-check'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { type Attribute, float, int, ints, text } from '../ir.ts'
import {
  awayFromZero,
  between,
  betweenKinks,
  broadcastable,
  type Case,
  constant,
  type Draw,
  distinct,
  either,
  floats,
  integersOf,
  type Made,
  type Operand,
  oneOf,
  plain,
  positive,
  shapeOf,
  signed,
  sizeOf,
  someAxes,
  truths,
  whole,
} from './draws.ts'
import { type NumberValue, numbers, places, range, toTensor, type Value, type Values } from './values.ts'
import { convolutionCase, transposedCase } from './window-cases.ts'

type Maker = (g: Draw) => Made

/** A graph of the one node: its operands are called x0, x1, … */
export function graphOf({ op, operands, attributes }: Case): {
  b: GraphBuilder
  names: readonly string[]
  y: string
  feeds: Values
} {
  const b = graphBuilder()
  const names = operands.map(({ value, constant }, index) => {
    const name = `x${index}`
    return constant === true
      ? b.initializer(toTensor(name, value))
      : b.input({ name, type: value.type, shape: value.shape })
  })
  const fed = operands.flatMap(({ value, constant }, index) =>
    constant === true ? [] : [[`x${index}`, value] as const],
  )
  return { b, names, y: b.node(op, names, { attributes }), feeds: Object.fromEntries(fed) }
}

// ---- operators ----

type Filling = (g: Draw, shape: readonly number[]) => NumberValue

const unary =
  (fill: Filling = floats): Maker =>
  (g) =>
    plain(fill(g, shapeOf(g)))

const binary =
  (first: Filling = floats, second: Filling = first): Maker =>
  (g) => {
    const [a = [], b = []] = broadcastable(g, 2)
    return plain(first(g, a), second(g, b))
  }

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
  const made = variadic(g)
  const operands = made.operands.map(({ value }, index) => ({ value: moved(numbers(value), index / 256) }))
  return { ...made, operands }
}
const moved = (value: NumberValue, by: number): NumberValue => ({ ...value, data: value.data.map((x) => x + by) })

/** At times with other attributes than ONNX's own. */
const activation =
  (others: Readonly<Record<string, Attribute>>): Maker =>
  (g) => ({ ...plain(betweenKinks(g, shapeOf(g))), attributes: either(g) ? {} : others })

const pRelu: Maker = (g) => {
  const shape = shapeOf(g)
  const slope = shape.slice(between(g, 0, shape.length)).map((extent) => (either(g) ? 1 : extent))
  return plain(betweenKinks(g, shape), floats(g, slope))
}

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

const matMul: Maker = (g) => {
  const [stackA = [], stackB = []] = broadcastable(g, 2).map((shape) => shape.slice(-2))
  const [rows, inner, columns] = [between(g, 1, 3), between(g, 1, 3), between(g, 1, 3)]
  return plain(floats(g, [...stackA, rows, inner]), floats(g, [...stackB, inner, columns]))
}

/** `free`: whatever the operator allows; otherwise what the gradient rule does. */
const gemm =
  ({ free }: { free: boolean }): Maker =>
  (g) => {
    const [rows, inner, columns] = [between(g, 1, 4), between(g, 1, 4), between(g, 1, 4)]
    const [transA, transB] = [free && either(g), either(g)]
    const bias = oneOf(g, [undefined, [], [1], [columns], [1, columns], [rows, 1], [rows, columns]])
    return {
      ...plain(
        floats(g, transA ? [inner, rows] : [rows, inner]),
        floats(g, transB ? [columns, inner] : [inner, columns]),
        ...(bias === undefined ? [] : [floats(g, bias)]),
      ),
      attributes: {
        ...(transA ? { transA: int(1) } : {}),
        ...(transB ? { transB: int(1) } : {}),
        ...(free && either(g) ? { alpha: float(0.5), beta: float(-1.5) } : {}),
      },
    }
  }

const transpose: Maker = (g) => {
  const shape = shapeOf(g)
  const order = g(fc.shuffledSubarray<number>, [...range(shape.length)], { minLength: shape.length })
  return { ...plain(floats(g, shape)), attributes: either(g) ? {} : { perm: ints(order) } }
}

/** Another shape of the same size, at times with one extent left to work out, or copied. */
const reshape: Maker = (g) => {
  const shape = shapeOf(g)
  const shuffled = g(fc.shuffledSubarray<number>, [...shape], { minLength: shape.length })
  const merged =
    either(g) && shuffled.length > 1 ? [(shuffled[0] ?? 1) * (shuffled[1] ?? 1), ...shuffled.slice(2)] : shuffled
  const place = between(g, 0, Math.max(0, merged.length - 1))
  const copies = merged.map((extent, axis) => (extent === shape[axis] && either(g) ? 0 : extent))
  const target = merged.length > 0 && either(g) ? copies.with(place, -1) : copies
  return { operands: [{ value: floats(g, shape) }, constant(target)], attributes: {} }
}

const unsqueeze: Maker = (g) => {
  const shape = shapeOf(g, { most: 2 })
  const rank = shape.length + between(g, 1, 2)
  const axes = g(fc.shuffledSubarray<number>, [...range(rank)], {
    minLength: rank - shape.length,
    maxLength: rank - shape.length,
  }).map((axis) => signed(g, axis, rank))
  return { operands: [{ value: floats(g, shape) }, constant(axes)], attributes: {} }
}

const squeeze: Maker = (g) => {
  const shape = shapeOf(g).map((extent) => (either(g) ? 1 : extent))
  const ones = shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []))
  if (either(g) && either(g)) return plain(floats(g, shape))
  const axes = g(fc.shuffledSubarray<number>, ones, { minLength: Math.min(1, ones.length) })
  const named = axes.map((axis) => signed(g, axis, shape.length))
  return { operands: [{ value: floats(g, shape) }, constant(named)], attributes: {} }
}

const expand: Maker = (g) => {
  const [from = [], target = []] = broadcastable(g, 2)
  return { operands: [{ value: floats(g, from) }, constant(target)], attributes: {} }
}

const gather: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  const extent = shape[axis] ?? 1
  const picked = shapeOf(g, { most: 2 })
  const type = oneOf(g, ['int32', 'int64'] as const)
  const data = integersOf(g, sizeOf(picked), { min: -extent, max: extent - 1 })
  return {
    ...plain(floats(g, shape), { type, shape: picked, data }),
    attributes: axis === 0 && either(g) ? {} : { axis: int(signed(g, axis, shape.length)) },
  }
}

/** Along axis 0, by a vector, as the rule takes it; rows may be picked more than once. */
const gatherRows: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const [rows = 1] = shape
  const data = integersOf(g, between(g, 1, 5), { min: -rows, max: rows - 1 })
  return plain(floats(g, shape), { type: oneOf(g, ['int32', 'int64'] as const), shape: [data.length], data })
}

const scatterND: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const depth = between(g, 1, shape.length)
  const targets = places(shape.slice(0, depth))
  const adds = either(g)
  // Without a reduction, two updates of one place have no order.
  const chosen = adds
    ? integersOf(g, between(g, 1, 4), { min: 0, max: targets.length - 1 })
    : g(fc.uniqueArray<number, number>, fc.integer({ min: 0, max: targets.length - 1 }), { minLength: 1, maxLength: 4 })
  const indices = chosen.flatMap((index) => targets[index] ?? [])
  return {
    ...plain(
      floats(g, shape),
      { type: 'int64', shape: [chosen.length, depth], data: indices },
      floats(g, [chosen.length, ...shape.slice(depth)]),
    ),
    attributes: adds ? { reduction: text('add') } : {},
  }
}

const concat: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  const parts = range(between(g, 1, 3)).map(() => floats(g, shape.with(axis, between(g, 1, 3))))
  return { ...plain(...parts), attributes: { axis: int(signed(g, axis, shape.length)) } }
}

/** `whole`: in steps of 1, as the gradient rule takes it. */
const slice =
  ({ whole }: { whole: boolean }): Maker =>
  (g) => {
    const shape = shapeOf(g, { least: 1, most: 3 })
    const axes = someAxes(g, shape.length)
    const bounds = (): readonly number[] => integersOf(g, axes.length, { min: -5, max: 5 })
    const steps = axes.map(() => (whole ? 1 : oneOf(g, [-2, -1, 1, 2])))
    const named = whole && either(g) ? [] : [constant(steps)]
    return {
      operands: [{ value: floats(g, shape) }, constant(bounds()), constant(bounds()), constant(axes), ...named],
      attributes: {},
    }
  }

const pad: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const pads = integersOf(g, 2 * shape.length, { min: 0, max: 2 })
  const value: Operand = { value: { type: 'float32', shape: [], data: [1.5] }, constant: true }
  return { operands: [{ value: floats(g, shape) }, constant(pads), ...(either(g) ? [value] : [])], attributes: {} }
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

const nonZero = (value: NumberValue): NumberValue => ({ ...value, data: value.data.map((x) => (x === 0 ? 1 : x)) })

/** Those that have attributes. */
const activations: Readonly<Record<string, Maker>> = {
  LeakyRelu: activation({ alpha: float(0.25) }),
  Elu: activation({ alpha: float(1.5) }),
  Selu: activation({ alpha: float(1.5), gamma: float(1.25) }),
  HardSigmoid: activation({ alpha: float(0.25), beta: float(0.375) }),
  Gelu: activation({ approximate: text('tanh') }),
}

export const operatorCases: Readonly<Record<string, Maker>> = {
  ...Object.fromEntries(
    [
      ...['Identity', 'Neg', 'Abs', 'Sign', 'Exp', 'Sin', 'Cos', 'Erf'],
      ...['Relu', 'Sigmoid', 'Tanh', 'Softplus', 'Softsign', 'HardSwish', 'Mish'],
    ].map((op) => [op, unary()]),
  ),
  ...activations,
  ...Object.fromEntries(['Log', 'Sqrt'].map((op) => [op, unary(positive)])),
  Reciprocal: unary(awayFromZero),
  PRelu: pRelu,
  Clip: clip,
  ...Object.fromEntries(['Add', 'Sub', 'Mul'].map((op) => [op, arithmetic()])),
  ...Object.fromEntries(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op) => [op, arithmetic()])),
  ...Object.fromEntries(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax'].map((op) => [op, reduction])),
  ...Object.fromEntries(['Softmax', 'LogSoftmax'].map((op) => [op, normalised])),
  ...Object.fromEntries(['Max', 'Min'].map((op) => [op, variadic])),
  ...Object.fromEntries(['And', 'Or'].map((op) => [op, binary(truths)])),
  Not: unary(truths),
  IsNaN: unary(withGaps),
  Div: arithmetic(nonZero),
  Pow: binary(positive, floats),
  Equal: equal,
  MatMul: matMul,
  Gemm: gemm({ free: true }),
  Transpose: transpose,
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
  Gather: gather,
  ScatterND: scatterND,
  Concat: concat,
  Slice: slice({ whole: false }),
  Pad: pad,
  Conv: convolutionCase,
  ConvTranspose: transposedCase,
  Cast: cast,
  Where: where,
}

export const gradientCases: Readonly<Record<string, Maker>> = {
  ...Object.fromEntries(
    ['Identity', 'Neg', 'Exp', 'Sin', 'Cos', 'Erf', 'Sigmoid', 'Tanh', 'Softplus', 'Mish'].map((op) => [op, unary()]),
  ),
  ...Object.fromEntries(['Abs', 'Softsign', 'HardSwish'].map((op) => [op, unary(betweenKinks)])),
  ...activations,
  Reciprocal: unary(awayFromZero),
  PRelu: pRelu,
  Clip: clip,
  Pow: binary(positive, floats),
  ...Object.fromEntries(['Max', 'Min'].map((op) => [op, apart])),
  ...Object.fromEntries(['Log', 'Sqrt'].map((op) => [op, unary(positive)])),
  ...Object.fromEntries(['Add', 'Sub', 'Mul'].map((op) => [op, binary()])),
  ...Object.fromEntries(['ReduceSum', 'ReduceMean', 'ReduceSumSquare'].map((op) => [op, reduction])),
  ...Object.fromEntries(['Softmax', 'LogSoftmax'].map((op) => [op, normalised])),
  Relu: unary(awayFromZero),
  Div: binary(floats, awayFromZero),
  MatMul: matMul,
  Gemm: gemm({ free: false }),
  Transpose: transpose,
  Expand: expand,
  ReduceMax: reductionOf(distinct),
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Gather: gatherRows,
  Concat: concat,
  Slice: slice({ whole: true }),
  Pad: pad,
  Conv: convolutionCase,
  ConvTranspose: transposedCase,
  Where: where,
}

/** A random use of `op` out of a table. */
export function drawCase(g: Draw, op: string, table: Readonly<Record<string, Maker>>): Case {
  const make = Object.hasOwn(table, op) ? table[op] : undefined
  if (make === undefined) throw new TypeError(`there is no case for ${op}`)
  return { op, ...make(g) }
}

/** The operands that a gradient flows to: numbers that are not constants. */
export const differentiable = ({ operands }: Case): readonly boolean[] =>
  operands.map(({ value, constant }) => value.type === 'float32' && constant !== true && numbers(value).data.length > 0)
