/** Cross-entropy of logits: −ln of the probability of what happened. */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { int } from '../ir.ts'
import { type LossInputs, oneHot, requireShape } from './loss.ts'

type Options = { readonly labelSmoothing?: number | undefined; readonly logitAdjustment?: number | undefined }

/**
 * −y·log σ(z) − (1 − y)·log(1 − σ(z)) = log(1 + eᶻ) − y·z, which no z overflows. Of several outputs each is a question of its own: the target has as
 * many columns.
 */
export function binaryCrossEntropy(b: GraphBuilder, { logits, target }: LossInputs): string {
  requireShape(b, target, b.shape(logits))
  return b.node('Sub', [b.node('Softplus', [logits]), b.node('Mul', [target, logits])])
}

/**
 * [batch, 1, …] from logits [batch, classes, …] and class indices [batch, 1, …]. With smoothing s the truth is (1 − s)·one-hot + s/classes (Szegedy et al.
 * 2016, section 7; PyTorch's label_smoothing). Logits may be adjusted first (../logit-adjustment.ts).
 */
export function categoricalCrossEntropy(
  b: GraphBuilder,
  { logits: given, target, adjustment }: LossInputs,
  { labelSmoothing = 0, logitAdjustment }: Options = {},
): string {
  const logits = logitAdjustment === undefined ? given : adjusted(b, given, adjustment)
  const [batch = 0, classes = 0, ...space] = b.shape(logits)
  requireShape(b, target, [batch, 1, ...space])
  let truth = oneHot(b, target, Number(classes))
  if (labelSmoothing > 0)
    truth = b.node('Add', [
      b.node('Mul', [truth, b.scalar(1 - labelSmoothing)]),
      b.scalar(labelSmoothing / Number(classes)),
    ])
  // The last axis is the operator's own.
  const attributes = space.length === 0 ? {} : { axis: int(1) }
  const picked = b.node('Mul', [truth, b.node('LogSoftmax', [logits], { attributes })])
  return b.node('Neg', [b.node('ReduceSum', [picked, b.axes([1])])])
}

/** Errors: WR_GRAPH_INVALID without one number for each class: there is no loss without it. */
function adjusted(b: GraphBuilder, logits: string, adjustment = ''): string {
  const [, classes = 0, ...space] = b.shape(logits)
  const wanted = [1, classes, ...space.map(() => 1)]
  if (adjustment === '' || b.shape(adjustment).join() !== wanted.join())
    throw new WardroundError('WR_GRAPH_INVALID', {
      problem: `what is added to the logits must be [${wanted.join(', ')}] where the loss adjusts them`,
    })
  return b.node('Add', [logits, adjustment])
}
