/** Shapes of element-wise operators: of their operands, broadcast. */
import { type ElementType, intAttribute } from '../ir.ts'
import { broadcast, input, invalid, refused, type ShapeRule, type SingleShapeRule } from './rule.ts'

const same: ShapeRule = (_, inputs) => input(inputs, 0)
const elementwise: SingleShapeRule = (_, inputs) => ({
  type: input(inputs, 0).type,
  shape: inputs.map((_, index) => input(inputs, index).shape).reduce(broadcast),
})
const comparison: ShapeRule = (node, inputs, lookup) => ({
  type: 'bool',
  shape: elementwise(node, inputs, lookup).shape,
})

/** The second operand is broadcast to the first. */
const toFirst: ShapeRule = (node, inputs) => {
  const [x, slope] = [input(inputs, 0), input(inputs, 1)]
  const common = broadcast(x.shape, slope.shape)
  if (common.length !== x.shape.length || common.some((extent, axis) => extent !== x.shape[axis]))
    throw invalid(`${node.op} of [${x.shape.join(', ')}] by [${slope.shape.join(', ')}]`)
  return x
}

/** Bounds are scalars, and may be left out. */
const clip: ShapeRule = (_, inputs) => {
  for (const bound of inputs.slice(1))
    if (bound !== undefined && bound.shape.length > 0) throw invalid(`a bound of Clip is [${bound.shape.join(', ')}]`)
  return input(inputs, 0)
}

const castTypes: Record<number, ElementType> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
}
const cast: ShapeRule = (node, inputs) => {
  const type = castTypes[intAttribute(node, 'to', 0)]
  if (type === undefined) throw invalid('Cast to a type that is not supported')
  return { type, shape: input(inputs, 0).shape }
}

/** As it is when nothing is trained: its input. What is drawn at random comes into our graphs from outside. */
const dropout: ShapeRule = (node, inputs, lookup) => {
  const training = node.inputs[2] ?? ''
  const flag = training === '' ? undefined : lookup.constant(training)
  const isOff = training === '' || (flag?.type === 'bool' && flag.data.every((value) => value === 0))
  if (!isOff || node.outputs.length > 1) throw refused('Dropout that draws its own mask, or shows it')
  return input(inputs, 0)
}

const where: ShapeRule = (_, inputs) => ({
  type: input(inputs, 1).type,
  shape: [0, 1, 2].map((index) => input(inputs, index).shape).reduce(broadcast),
})

const question: ShapeRule = (_, inputs) => ({ type: 'bool', shape: input(inputs, 0).shape })

/** Python's remainder is one of whole numbers. */
const remainder: SingleShapeRule = (node, inputs, lookup) => {
  const typed = elementwise(node, inputs, lookup)
  if (typed.type === 'float32' && intAttribute(node, 'fmod', 0) !== 1) throw invalid('Mod of Float32 without fmod')
  return typed
}

export const elementwiseShapes: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(
    [
      ...['Identity', 'Neg', 'Abs', 'Sign', 'Exp', 'Log', 'Sqrt', 'Reciprocal', 'Sin', 'Cos', 'Erf'],
      ...['Sigmoid', 'Tanh', 'Softplus', 'Softsign', 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Gelu'],
      ...['HardSigmoid', 'HardSwish', 'Mish', 'Celu', 'ThresholdedRelu', 'Not', 'Floor', 'Ceil', 'Round'],
      ...['Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh'],
    ].map((op) => [op, same]),
  ),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Mean'].map((op) => [op, elementwise]),
  ),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Or', 'And', 'Xor'].map((op) => [op, comparison]),
  ),
  ...Object.fromEntries(['IsNaN', 'IsInf'].map((op) => [op, question])),
  Mod: remainder,
  PRelu: toFirst,
  Clip: clip,
  Cast: cast,
  Dropout: dropout,
  Where: where,
}
