/** LoRA (Hu et al. 2021): W + (alpha / rank)·A·B, of which A and B alone are learnt. B starts at 0, so that the layer starts as it was. */

import type { LoraSpec } from '../../study/layers.ts'
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { type Initial, kernel, parameter, type WeightSpec } from './layer.ts'

export type Adapter = {
  /** The layer's weights: its own frozen, and `NAME.loraA` [rows, rank] and `NAME.loraB` [rank, columns] behind them. */
  readonly weights: readonly WeightSpec[]
  /** The name of the kernel that the layer computes with. */
  kernel(b: GraphBuilder): string
}

/** Where A [rows, rank] starts. */
export const firstOfA = (rows: number): Initial => ({ uniform: Math.sqrt(3 / rows) })

/** `own` are the layer's weights, the kernel first: a matrix, or one when all axes but the first are taken together. */
export function adapted(name: string, own: readonly WeightSpec[], lora: LoraSpec | undefined): Adapter {
  const [first, ...others] = own
  if (first === undefined || lora === undefined) return { weights: own, kernel: () => first?.name ?? '' }
  const { rank, alpha } = lora
  const [rows = 1, ...rest] = first.shape
  const columns = sizeOf(rest)
  const [a, thin] = [`${name}.loraA`, `${name}.loraB`]
  return {
    weights: [
      ...[first, ...others].map((spec) => ({ ...spec, learnt: false, frozen: true })),
      kernel(a, [rows, rank], firstOfA(rows)),
      { ...parameter(thin, [rank, columns], 0), penalised: true },
    ],
    kernel(b) {
      const product = b.node('Mul', [b.node('MatMul', [a, thin]), b.scalar(alpha / rank)])
      const shaped = rest.length === 1 ? product : b.node('Reshape', [product, b.axes(first.shape)])
      return b.node('Add', [first.name, shaped])
    },
  }
}
