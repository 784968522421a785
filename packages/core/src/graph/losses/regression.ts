/** Losses of numbers: of the error e = z − y. */
import type { GraphBuilder } from '../builder.ts'
import { type LossInputs, requireShape } from './loss.ts'

function errorOf(b: GraphBuilder, { logits, target }: LossInputs): string {
  requireShape(b, target, b.shape(logits))
  return b.node('Sub', [logits, target])
}

/** e², without a half. */
export function meanSquaredError(b: GraphBuilder, inputs: LossInputs): string {
  const error = errorOf(b, inputs)
  return b.node('Mul', [error, error])
}

/** |e|; its derivative at 0 is 0. */
export const meanAbsoluteError = (b: GraphBuilder, inputs: LossInputs): string => b.node('Abs', [errorOf(b, inputs)])

/** e²/2 up to |e| = δ, and δ·(|e| − δ/2) from there on (Huber 1964): c·(e − c/2), where c is e cut at ±δ. */
export function huber(b: GraphBuilder, inputs: LossInputs, { delta }: { readonly delta: number }): string {
  const error = errorOf(b, inputs)
  const cut = b.node('Clip', [error, b.scalar(-delta), b.scalar(delta)])
  return b.node('Mul', [cut, b.node('Sub', [error, b.node('Mul', [cut, b.scalar(0.5)])])])
}
