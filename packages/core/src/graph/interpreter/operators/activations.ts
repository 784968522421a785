/** Activations, each as its document defines it. */

import { floatAttribute } from '../../ir.ts'
import { elementwise, erf } from './elementwise.ts'
import { type Operator, type Operators, unary } from './operator.ts'

/** With the node's float attributes. */
const shaped =
  (f: (x: number, attributes: Readonly<Record<string, number>>) => number): Operator =>
  (node, inputs) => {
    const given = Object.keys(node.attributes).map((name) => [name, floatAttribute(node, name, Number.NaN)] as const)
    const attributes = Object.fromEntries(given)
    return unary((x) => f(x, attributes))(node, inputs)
  }

const softplus = (x: number): number => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)))

const gelu: Operator = (node, inputs) => {
  const { approximate } = node.attributes
  const isTanh = approximate?.kind === 'string' && approximate.value === 'tanh'
  const twice = (x: number): number =>
    isTanh ? 1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)) : 1 + erf(x * Math.SQRT1_2)
  return unary((x) => 0.5 * x * twice(x))(node, inputs)
}

export const activationOperators: Operators = {
  Relu: unary((x) => Math.max(0, x)),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Tanh: unary(Math.tanh),
  Softplus: unary(softplus),
  Softsign: unary((x) => x / (1 + Math.abs(x))),
  LeakyRelu: shaped((x, { alpha = 0.01 }) => (x < 0 ? alpha * x : x)),
  Elu: shaped((x, { alpha = 1 }) => (x < 0 ? alpha * Math.expm1(x) : x)),
  Celu: shaped((x, { alpha = 1 }) => Math.max(0, x) + Math.min(0, alpha * (Math.exp(x / alpha) - 1))),
  ThresholdedRelu: shaped((x, { alpha = 1 }) => (x > alpha ? x : 0)),
  Selu: shaped((x, { alpha = 1.6732631921768188, gamma = 1.0507010221481323 }) =>
    x < 0 ? gamma * alpha * Math.expm1(x) : gamma * x,
  ),
  HardSigmoid: shaped((x, { alpha = 0.2, beta = 0.5 }) => Math.max(0, Math.min(1, alpha * x + beta))),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Mish: unary((x) => x * Math.tanh(softplus(x))),
  Gelu: gelu,
  PRelu: elementwise((x, slope) => (x < 0 ? slope * x : x)),
}
