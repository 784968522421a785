/** Random uses of activations. */

import { type Attribute, float, text } from '../../ir.ts'
import { awayFromZero, between, betweenKinks, either, floats, plain, shapeOf } from '../draws.ts'
import { type Cases, each, type Maker, unary } from './maker.ts'

/** At times with other attributes than ONNX's own. */
const activation =
  (others: Readonly<Record<string, Attribute>>): Maker =>
  (g) => ({ ...plain(betweenKinks(g, shapeOf(g))), attributes: either(g) ? {} : others })

const pRelu: Maker = (g) => {
  const shape = shapeOf(g)
  const slope = shape.slice(between(g, 0, shape.length)).map((extent) => (either(g) ? 1 : extent))
  return plain(betweenKinks(g, shape), floats(g, slope))
}

/** Those that have attributes. */
const activations: Readonly<Record<string, Maker>> = {
  LeakyRelu: activation({ alpha: float(0.25) }),
  Elu: activation({ alpha: float(1.5) }),
  Celu: activation({ alpha: float(1.5) }),
  ThresholdedRelu: activation({ alpha: float(0.5) }),
  Selu: activation({ alpha: float(1.5), gamma: float(1.25) }),
  HardSigmoid: activation({ alpha: float(0.25), beta: float(0.375) }),
  Gelu: activation({ approximate: text('tanh') }),
}

export const activationCases: Cases = {
  operators: {
    ...each(['Relu', 'Sigmoid', 'Tanh', 'Softplus', 'Softsign', 'HardSwish', 'Mish'], unary()),
    ...activations,
    PRelu: pRelu,
  },
  gradients: {
    ...each(['Sigmoid', 'Tanh', 'Softplus', 'Mish'], unary()),
    ...each(['Softsign', 'HardSwish'], unary(betweenKinks)),
    Relu: unary(awayFromZero),
    ...activations,
    PRelu: pRelu,
  },
}
