/** Every loss on logits. */
import { WardroundError } from '../../errors.ts'
import type { Loss } from '../../study/loss.ts'
import type { GraphBuilder } from '../builder.ts'
import { coxPartialLikelihood } from './cox.ts'
import { binaryCrossEntropy, categoricalCrossEntropy } from './cross-entropy.ts'
import { dice, diceCrossEntropy } from './dice.ts'
import { binaryFocalCrossEntropy, categoricalFocalCrossEntropy } from './focal.ts'
import { type LossInputs, meanOf } from './loss.ts'
import { huber, meanAbsoluteError, meanSquaredError } from './regression.ts'

/**
 * A scalar: the mean over a batch of each example's loss times its weight, [batch, 1] or absent for weights of one. Weighted examples are divided by the
 * batch size, not by the sum of the weights (as Keras does; PyTorch's cross-entropy divides by the sum), so that one example's pull does not depend on
 * its neighbours. Errors: WR_GRAPH_INVALID for a target of the wrong shape; WR_GRAPH_REFUSED.
 */
export function appendLoss(
  b: GraphBuilder,
  loss: Loss,
  { weight, ...inputs }: LossInputs & { readonly weight?: string },
): string {
  if (loss === 'coxPartialLikelihood') {
    // It is no sum over examples.
    if (weight !== undefined)
      throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'the partial likelihood has no weights of examples' })
    return coxPartialLikelihood(b, inputs)
  }
  const each = exampleLoss(b, loss, inputs)
  return meanOf(b, weight === undefined ? each : b.node('Mul', [each, weight]))
}

const plain = {
  binaryCrossEntropy,
  categoricalCrossEntropy,
  meanSquaredError,
  meanAbsoluteError,
  dice,
  diceCrossEntropy,
}

/** [batch, …]: of each example, or of each of its classes. */
export function exampleLoss(b: GraphBuilder, loss: Exclude<Loss, 'coxPartialLikelihood'>, inputs: LossInputs): string {
  if (typeof loss === 'string') return plain[loss](b, inputs)
  if ('categoricalCrossEntropy' in loss) return categoricalCrossEntropy(b, inputs, loss.categoricalCrossEntropy)
  if ('binaryFocalCrossEntropy' in loss) return binaryFocalCrossEntropy(b, inputs, loss.binaryFocalCrossEntropy)
  if ('categoricalFocalCrossEntropy' in loss)
    return categoricalFocalCrossEntropy(b, inputs, loss.categoricalFocalCrossEntropy)
  if ('huber' in loss) return huber(b, inputs, loss.huber)
  return 'dice' in loss ? dice(b, inputs, loss.dice) : diceCrossEntropy(b, inputs, loss.diceCrossEntropy)
}
