/** Activations, by Keras's names and with its constants. */
import type { Activation } from '../../study/layers.ts'
import type { GraphBuilder } from '../builder.ts'
import { type Attribute, float } from '../ir.ts'
import type { Layer, Place } from './layer.ts'

type Plain = { readonly op: string; readonly attributes?: Readonly<Record<string, Attribute>> }

/** Those that are one operator of ONNX. */
const plain: Partial<Record<Activation, Plain>> = {
  relu: { op: 'Relu' },
  sigmoid: { op: 'Sigmoid' },
  tanh: { op: 'Tanh' },
  softmax: { op: 'Softmax' },
  leakyRelu: { op: 'LeakyRelu', attributes: { alpha: float(0.2) } },
  elu: { op: 'Elu' },
  selu: { op: 'Selu' },
  gelu: { op: 'Gelu' },
  softplus: { op: 'Softplus' },
  softsign: { op: 'Softsign' },
  mish: { op: 'Mish' },
  hardSigmoid: { op: 'HardSigmoid', attributes: { alpha: float(1 / 6) } },
  hardSilu: { op: 'HardSwish' },
}

/** Softmax is over the last axis. */
export function appendActivation(b: GraphBuilder, z: string, activation: Activation): string {
  if (activation === 'linear') return z
  // Ramachandran et al. 2017.
  if (activation === 'silu') return b.node('Mul', [z, b.node('Sigmoid', [z])])
  if (activation === 'hardTanh') return b.node('Clip', [z, b.scalar(-1), b.scalar(1)])
  const { op = 'Identity', attributes = {} } = plain[activation] ?? {}
  return b.node(op, [z], { attributes })
}

export const activationLayer = (activation: Activation, { name, input }: Place): Layer => ({
  name,
  output: input,
  weights: [],
  draws: [],
  append: (b, x) => appendActivation(b, x, activation),
})
