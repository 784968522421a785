/** Gradients of activations, by the formulas of their documents. At a kink the derivative is PyTorch's. */
import type { GraphBuilder } from '../builder.ts'
import { floatAttribute, int, type Node } from '../ir.ts'
import { scaled, unary } from './elementwise.ts'
import { mayBeMasked } from './masking.ts'
import { inputOf, ofFirstOutput, outputOf, type SingleRule, unbroadcast } from './rule.ts'

/** dy where x > 0, and `otherwise` elsewhere. */
const whereOver = (b: GraphBuilder, x: string, [dy, otherwise]: readonly [string, string]): string =>
  b.node('Where', [b.node('Greater', [x, b.scalar(0)]), dy, otherwise])

/** From so many values on, passes over memory count, and not how many operators there are: Where takes five of them, and three others one each. */
const manyValues = 2 ** 15

/** relu's derivative at 0 is taken as 0, as PyTorch does. */
const relu: SingleRule = (node, dy, b) => {
  const y = outputOf(node)
  const values = b.shape(y).reduce<number>((product, extent) => product * Number(extent), 1)
  if (!(values >= manyValues && mayBeMasked(b, dy))) return [whereOver(b, y, [dy, b.scalar(0)])]
  const passes = b.node('Cast', [b.node('Greater', [y, b.scalar(0)])], { attributes: { to: int(1) } })
  return [b.node('Mul', [dy, passes])]
}

const leakyRelu: SingleRule = (node, dy, b) => [
  whereOver(b, inputOf(node, 0), [dy, scaled(b, dy, floatAttribute(node, 'alpha', 0.01))]),
]

/** y = x where x > 0, else slope·x: a slope that is learnt, broadcast to x. */
const pRelu: SingleRule = (node, dy, b) => {
  const [x, slope] = [inputOf(node, 0), inputOf(node, 1)]
  const toSlope = whereOver(b, x, [b.scalar(0), b.node('Mul', [dy, x])])
  return [whereOver(b, x, [dy, b.node('Mul', [dy, slope])]), unbroadcast(b, toSlope, b.shape(slope))]
}

/** y = α·(eˣ − 1) where x ≤ 0, whose derivative is y + α. */
const elu: SingleRule = (node, dy, b) => {
  const slope = b.node('Add', [outputOf(node), b.scalar(floatAttribute(node, 'alpha', 1))])
  return [whereOver(b, inputOf(node, 0), [dy, b.node('Mul', [dy, slope])])]
}

/** y = α·(eˣᐟᵅ − 1) where x ≤ 0, whose derivative is y/α + 1. */
const celu: SingleRule = (node, dy, b) => {
  const ratio = scaled(b, outputOf(node), 1 / floatAttribute(node, 'alpha', 1))
  const bent = b.node('Mul', [dy, b.node('Add', [ratio, b.scalar(1)])])
  return [whereOver(b, inputOf(node, 0), [dy, bent])]
}

const thresholdedRelu: SingleRule = (node, dy, b) => {
  const passes = b.node('Greater', [inputOf(node, 0), b.scalar(floatAttribute(node, 'alpha', 1))])
  return [b.node('Where', [passes, dy, b.scalar(0)])]
}

/** γ·elu (Klambauer et al. 2017). ONNX gives both constants to as many digits as a Float32 has. */
const selu: SingleRule = (node, dy, b) => {
  const alpha = floatAttribute(node, 'alpha', 1.6732631921768188)
  const gamma = floatAttribute(node, 'gamma', 1.0507010221481323)
  const slope = b.node('Add', [outputOf(node), b.scalar(gamma * alpha)])
  return [whereOver(b, inputOf(node, 0), [scaled(b, dy, gamma), b.node('Mul', [dy, slope])])]
}

const isTanh = (node: Node): boolean => {
  const { approximate } = node.attributes
  return approximate?.kind === 'string' && approximate.value === 'tanh'
}

/** y = x·Φ(x): Φ(x) + x·φ(x), with the normal distribution's Φ and φ (Hendrycks and Gimpel 2016). */
function exactGelu(b: GraphBuilder, x: string): string {
  const distribution = scaled(b, b.node('Add', [b.node('Erf', [scaled(b, x, Math.SQRT1_2)]), b.scalar(1)]), 0.5)
  const density = scaled(b, b.node('Exp', [scaled(b, b.node('Mul', [x, x]), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
  return b.node('Add', [distribution, b.node('Mul', [x, density])])
}

/** y = ½·x·(1 + t) with t = tanh(u), u = k·(x + c·x³): ½·(1 + t) + ½·x·(1 − t²)·u′. */
function tanhGelu(b: GraphBuilder, x: string): string {
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = b.node('Mul', [x, x])
  const u = b.node('Mul', [x, b.node('Add', [scaled(b, square, k * c), b.scalar(k)])])
  const t = b.node('Tanh', [u])
  const slope = b.node('Add', [scaled(b, square, 3 * k * c), b.scalar(k)])
  const bent = b.node('Mul', [b.node('Mul', [x, oneMinusSquare(b, t)]), slope])
  return scaled(b, b.node('Add', [b.node('Add', [t, b.scalar(1)]), bent]), 0.5)
}

const oneMinusSquare = (b: GraphBuilder, t: string): string => b.node('Sub', [b.scalar(1), b.node('Mul', [t, t])])

const gelu: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  return [b.node('Mul', [dy, isTanh(node) ? tanhGelu(b, x) : exactGelu(b, x)])]
}

/** Whether lowest < value < highest. */
const isInside = (b: GraphBuilder, value: string, [lowest, highest]: readonly [number, number]): string =>
  b.node('And', [b.node('Greater', [value, b.scalar(lowest)]), b.node('Less', [value, b.scalar(highest)])])

/** y = max(0, min(1, α·x + β)). */
const hardSigmoid: SingleRule = (node, dy, b) => {
  const slope = scaled(b, dy, floatAttribute(node, 'alpha', 0.2))
  return [b.node('Where', [isInside(b, outputOf(node), [0, 1]), slope, b.scalar(0)])]
}

/** y = x·max(0, min(1, x/6 + ½)): x/3 + ½ where it bends, and what its factor is elsewhere. */
const hardSwish = unary((b, { x }) => {
  const bent = b.node('Add', [scaled(b, x, 1 / 3), b.scalar(0.5)])
  const straight = b.node('Where', [b.node('Greater', [x, b.scalar(0)]), b.scalar(1), b.scalar(0)])
  return b.node('Where', [isInside(b, x, [-3, 3]), bent, straight])
})

/** y = x·t, t = tanh(softplus(x)): t + x·(1 − t²)·sigmoid(x) (Misra 2019). */
const mish = unary((b, { x }) => {
  const t = b.node('Tanh', [b.node('Softplus', [x])])
  const bent = b.node('Mul', [b.node('Mul', [x, oneMinusSquare(b, t)]), b.node('Sigmoid', [x])])
  return b.node('Add', [t, bent])
})

/** y = x / (1 + |x|): (1 − |y|)². */
const softsign = unary((b, { y }) => {
  const rest = b.node('Sub', [b.scalar(1), b.node('Abs', [y])])
  return b.node('Mul', [rest, rest])
})

export const activationGradients = ofFirstOutput({
  Sigmoid: unary((b, { y }) => b.node('Mul', [y, b.node('Sub', [b.scalar(1), y])])),
  Tanh: unary((b, { y }) => oneMinusSquare(b, y)),
  Softplus: unary((b, { x }) => b.node('Sigmoid', [x])),
  Softsign: softsign,
  Relu: relu,
  LeakyRelu: leakyRelu,
  PRelu: pRelu,
  Elu: elu,
  Celu: celu,
  ThresholdedRelu: thresholdedRelu,
  Selu: selu,
  Gelu: gelu,
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  Mish: mish,
})
