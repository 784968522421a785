/**
 * What a generator and its discriminator make small, from the discriminator's logits of real and of made-up examples, of any shape. `nonSaturating`:
 * cross-entropy, where the generator wants what it made to be taken for real, rather than not for made up (Goodfellow et al. 2014, section 3). `leastSquares`:
 * logits are drawn to 1 and 0 (Mao et al. 2017, eq. 9).
 */
import type { GraphBuilder } from '../builder.ts'
import { meanOf } from './loss.ts'

export type GanLoss = 'nonSaturating' | 'leastSquares'

/** −log σ(real) − log(1 − σ(made)), or ½·(real − 1)² + ½·made², each as its mean. */
export const discriminatorLoss = (
  b: GraphBuilder,
  loss: GanLoss,
  { real, made }: { readonly real: string; readonly made: string },
): string =>
  b.node('Add', [takenFor(b, loss, { logits: real, real: true }), takenFor(b, loss, { logits: made, real: false })])

/** −log σ(made), or ½·(made − 1)². */
export const generatorLoss = (b: GraphBuilder, loss: GanLoss, made: string): string =>
  takenFor(b, loss, { logits: made, real: true })

function takenFor(
  b: GraphBuilder,
  loss: GanLoss,
  { logits, real }: { readonly logits: string; readonly real: boolean },
): string {
  if (loss === 'nonSaturating') return meanOf(b, b.node('Softplus', [real ? b.node('Neg', [logits]) : logits]))
  const error = real ? b.node('Sub', [logits, b.scalar(1)]) : logits
  return b.node('Mul', [meanOf(b, b.node('Mul', [error, error])), b.scalar(0.5)])
}
