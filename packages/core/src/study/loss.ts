/** What a model is trained to make small, named as Keras names it. */
import { z } from 'zod'

/** Of what a model predicts: one of two outcomes, one of several, or a number. */
export type Outcome = 'binary' | 'multiclass' | 'regression'

/** Every loss that a study may name, and what it is about. */
const outcomes = {
  binaryCrossEntropy: 'binary',
  binaryFocalCrossEntropy: 'binary',
  categoricalCrossEntropy: 'multiclass',
  categoricalFocalCrossEntropy: 'multiclass',
  meanSquaredError: 'regression',
  meanAbsoluteError: 'regression',
  huber: 'regression',
} as const satisfies Record<string, Outcome>
export type LossName = keyof typeof outcomes
export const lossNames = Object.keys(outcomes) as readonly LossName[]

/** How much less an example counts that is predicted well: (1 − p)^γ. */
const gamma = z.number().min(0).max(100).default(2)

export const lossSchema = z.union([
  z.enum(['binaryCrossEntropy', 'categoricalCrossEntropy', 'meanSquaredError', 'meanAbsoluteError']),
  z.strictObject({
    categoricalCrossEntropy: z.strictObject({
      /** The share of the truth that is spread evenly over all classes. */
      labelSmoothing: z.number().gt(0).lt(1),
    }),
  }),
  z.strictObject({
    binaryFocalCrossEntropy: z.strictObject({
      gamma,
      /** What a positive example weighs; a negative one weighs the rest of 1. */
      alpha: z.number().gt(0).lt(1).default(0.25),
    }),
  }),
  z.strictObject({ categoricalFocalCrossEntropy: z.strictObject({ gamma }) }),
  z.strictObject({
    huber: z.strictObject({
      /** The error from which on the loss is a line. */
      delta: z.number().positive().max(1e6).default(1),
    }),
  }),
])
export type Loss = z.output<typeof lossSchema>

export const lossName = (loss: Loss): LossName => (typeof loss === 'string' ? loss : Object.keys(loss)[0]) as LossName

export const outcomeOf = (loss: Loss): Outcome => outcomes[lossName(loss)]

/** The losses for what is predicted. */
export const lossesFor = (outcome: Outcome): readonly LossName[] =>
  lossNames.filter((name) => outcomes[name] === outcome)

/** Whether it is what is measured of a model's predictions as their loss (metrics/summary.ts): the log loss or the squared error, as they are. */
export const isMeasuredLoss = (loss: Loss): boolean =>
  loss === 'binaryCrossEntropy' || loss === 'categoricalCrossEntropy' || loss === 'meanSquaredError'
