/** Values for a BatchNormalization in training to write over. */
import type { GraphBuilder } from './builder.ts'

/**
 * ONNX Runtime writes the running statistics that come out into the memory of those that go in, whoever else reads them, were it the caller: the operator gets
 * others of their shape, 0 each, which nobody else needs. They are computed, since constants would be shared.
 */
export const scratch = (b: GraphBuilder, statistics: readonly string[]): readonly string[] =>
  statistics.map((name) => b.node('Mul', [name, b.scalar(0)]))
