/** What a loss says of its outcome. By itself: a trainer's process starts without the forms of a study. */
import type { Loss } from './loss.ts'

/** Of what a model predicts: one of two outcomes, one of several, a number, how soon something happens, or what each pixel shows. */
export type Outcome = 'binary' | 'multiclass' | 'regression' | 'survival' | 'segmentation'

/** Every loss that a study may name, and what it is about. */
const outcomes = {
  binaryCrossEntropy: 'binary',
  binaryFocalCrossEntropy: 'binary',
  categoricalCrossEntropy: 'multiclass',
  categoricalFocalCrossEntropy: 'multiclass',
  meanSquaredError: 'regression',
  meanAbsoluteError: 'regression',
  huber: 'regression',
  coxPartialLikelihood: 'survival',
  dice: 'segmentation',
  diceCrossEntropy: 'segmentation',
} as const satisfies Record<string, Outcome>
export type LossName = keyof typeof outcomes
export const lossNames = Object.keys(outcomes) as readonly LossName[]

export const lossName = (loss: Loss): LossName => (typeof loss === 'string' ? loss : Object.keys(loss)[0]) as LossName

export const outcomeOf = (loss: Loss): Outcome => outcomes[lossName(loss)]

/** The losses for what is predicted. */
export const lossesFor = (outcome: Outcome): readonly LossName[] =>
  lossNames.filter((name) => outcomes[name] === outcome)

/** τ, where classes' shares are added to the logits in training (graph/logit-adjustment.ts). */
export const logitAdjustmentIn = (loss: Loss): number | undefined =>
  typeof loss === 'object' && 'categoricalCrossEntropy' in loss
    ? loss.categoricalCrossEntropy.logitAdjustment
    : undefined

/** Whether it is what is measured of a model's predictions as their loss (metrics/summary.ts): the log loss or the squared error, as they are; of masks it always is. */
export const isMeasuredLoss = (loss: Loss): boolean =>
  loss === 'binaryCrossEntropy' ||
  loss === 'categoricalCrossEntropy' ||
  loss === 'meanSquaredError' ||
  outcomeOf(loss) === 'segmentation'
