/** Fully connected layers. */
import type { SpecOf } from '../../study/layers.ts'
import type { GraphBuilder } from '../builder.ts'
import { appendJoined } from '../joined.ts'
import { appendActivation } from './activation.ts'
import { adapted } from './adapter.ts'
import { type Context, glorot, kernel, type Layer, misfit, type Place, parameter, type WeightSpec } from './layer.ts'

/** `NAME.kernel` [inputs, outputs] and `NAME.bias` [outputs], for an example or for each of its steps. */
export function denseLayer({ dense, activation, bias, lora }: SpecOf<'dense'>, { name, input }: Place): Layer {
  const inputs = input.at(-1)
  if (inputs === undefined || input.length > 2)
    throw misfit(
      'model.layers',
      `${name} gets [${input.join(', ')}]: put flatten: {} or globalAveragePool: {} before it`,
    )
  const names: Omit<Operands, 'x'> = { kernel: `${name}.kernel`, ...(bias === false ? {} : { bias: `${name}.bias` }) }
  const adapter = adapted(name, affineWeights(names, [inputs, dense]), lora)
  return {
    name,
    output: input.with(-1, dense),
    weights: adapter.weights,
    draws: [],
    ...(input.length === 1 && names.bias !== undefined && { affine: { kernel: names.kernel, bias: names.bias } }),
    append: (b, x, context) =>
      appendActivation(b, appendAffine(b, { x, ...names, kernel: adapter.kernel(b) }, context), activation),
  }
}

/** Of a product with a matrix, and what is added to it. */
export const affineWeights = (
  { kernel: w, bias }: Omit<Operands, 'x'>,
  [inputs, outputs]: readonly [number, number],
): readonly WeightSpec[] => [
  kernel(w, [inputs, outputs], glorot(inputs, outputs)),
  ...(bias === undefined ? [] : [parameter(bias, [outputs], 0)]),
]

type Operands = { readonly x: string; readonly kernel: string; readonly bias?: string }

/** x·kernel + bias. A pooled data set's personal bias is a table, with a row for each hospital. */
export function appendAffine(b: GraphBuilder, { x, kernel: w, bias }: Operands, context: Context = {}): string {
  const { joined } = context
  if (joined?.kernel === w) return appendJoined(b, x, joined)
  const isTable = bias !== undefined && context.group !== undefined && context.personal?.includes(bias) === true
  if (isTable) return b.node('Add', [b.node('MatMul', [x, w]), b.node('Gather', [bias, context.group ?? ''])])
  if (b.shape(x).length === 2) return b.node('Gemm', bias === undefined ? [x, w] : [x, w, bias])
  const product = b.node('MatMul', [x, w])
  return bias === undefined ? product : b.node('Add', [product, bias])
}
