/**
 * The kernel and the bias of a first layer as one matrix, for examples that have a 1 behind their values: a step is then one product forwards and one backwards, and not a product, a
 * sum and two gradients that are put together again. Where weights are packed (packing.ts) the two lie one behind the other anyway, and what every example has in common it gets before the
 * loop (hoist.ts). Sums are taken in another order: the last bit of a weight may be another than without.
 */
import type { TensorSpec } from '../weights.ts'
import type { GraphBuilder } from './builder.ts'
import { mostHoisted } from './hoist.ts'
import { int } from './ir.ts'
import type { Affine } from './layers/layer.ts'
import type { StepOptions, StepParts } from './step.ts'

export type Joined = TensorSpec & Affine

/** undefined where somebody else looks at one of the two, or where a batch is too large to get its ones before the loop. */
export function joinedOf(options: StepOptions, { network, learnt }: StepParts): Joined | undefined {
  const { training, batch, groups, privacy, proximalMu, corrected = false } = options
  const { entrance } = network
  const [kernel, bias] = learnt
  if (entrance === undefined || kernel?.name !== entrance.kernel || bias?.name !== entrance.bias) return undefined
  const isSeen = training.l2 > 0 || proximalMu !== undefined || corrected || groups !== undefined
  const [inputs = 0, outputs = 0] = kernel.shape
  if (isSeen || privacy !== undefined || batch * (inputs + 1) > mostHoisted) return undefined
  return { ...entrance, name: 'joined', shape: shapeOf(inputs + 1, outputs) }
}

/** A single column lies as a row: ONNX Runtime takes a column's values one by one where they meet a scalar (builder.ts). */
const shapeOf = (rows: number, outputs: number): readonly number[] => (outputs === 1 ? [1, rows] : [rows, outputs])

/** [batch, values] with a 1 behind each example's. */
export const withOnes = (b: GraphBuilder, x: string): string => b.node('Pad', [x, b.axes([0, 0, 0, 1]), b.scalar(1)])

/** x·kernel + bias. */
export const appendJoined = (b: GraphBuilder, x: string, { name }: Joined): string =>
  b.node('Gemm', [x, name], b.shape(name)[0] === 1 ? { attributes: { transB: int(1) } } : {})
