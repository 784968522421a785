/**
 * Focal loss (Lin et al. 2017, "Focal Loss for Dense Object Detection", eq. 5): cross-entropy times (1 − p)^γ, where p is the probability of what happened,
 * so that examples that are right already hardly count.
 */
import type { GraphBuilder } from '../builder.ts'
import { categoricalCrossEntropy } from './cross-entropy.ts'
import { type LossInputs, oneHot, requireShape } from './loss.ts'

/**
 * With s = z for a negative and −z for a positive, the cross-entropy is softplus(s) and (1 − p)^γ = σ(s)^γ = exp(−γ·softplus(−s)), which has a derivative
 * for every γ. Positives weigh α, negatives 1 − α. Targets are 0 or 1.
 */
export function binaryFocalCrossEntropy(
  b: GraphBuilder,
  { logits, target }: LossInputs,
  { gamma, alpha }: { readonly gamma: number; readonly alpha: number },
): string {
  requireShape(b, target, b.shape(logits))
  const s = b.node('Mul', [logits, b.node('Sub', [b.scalar(1), b.node('Mul', [target, b.scalar(2)])])])
  const right = b.node('Softplus', [b.node('Neg', [s])])
  const focus = b.node('Exp', [b.node('Mul', [right, b.scalar(-gamma)])])
  const share = b.node('Add', [b.node('Mul', [target, b.scalar(2 * alpha - 1)]), b.scalar(1 - alpha)])
  return b.node('Mul', [b.node('Mul', [share, focus]), b.node('Softplus', [s])])
}

/** Below it (1 − p)^γ has no derivative that Float32 can hold, and no weight. */
const leastDoubt = 1e-30

/** 1 − p is the sum of the other classes' probabilities: as a difference it would lose its digits. */
export function categoricalFocalCrossEntropy(
  b: GraphBuilder,
  inputs: LossInputs,
  { gamma }: { readonly gamma: number },
): string {
  const entropy = categoricalCrossEntropy(b, inputs)
  const classes = Number(b.shape(inputs.logits)[1])
  const others = b.node('Sub', [b.scalar(1), oneHot(b, inputs.target, classes)])
  const doubt = b.node('ReduceSum', [b.node('Mul', [others, b.node('Softmax', [inputs.logits])]), b.axes([1])])
  const focus = b.node('Pow', [b.node('Max', [doubt, b.scalar(leastDoubt)]), b.scalar(gamma)])
  return b.node('Mul', [focus, entropy])
}
