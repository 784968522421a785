/** What a model is trained to make small, named as Keras names it. */
import { z } from 'zod'

/** How much less an example counts that is predicted well: (1 − p)^γ. */
const gamma = z.number().min(0).max(100).default(2)

/** Whether the overlap is measured against sums of squares (graph/losses/dice.ts). */
const diceOptions = z.strictObject({ squared: z.literal(true) })
export type DiceOptions = { readonly squared?: boolean }

export const lossSchema = z.union([
  z.enum([
    'binaryCrossEntropy',
    'categoricalCrossEntropy',
    'meanSquaredError',
    'meanAbsoluteError',
    'coxPartialLikelihood',
    'dice',
    'diceCrossEntropy',
  ]),
  z.strictObject({
    categoricalCrossEntropy: z
      .strictObject({
        /** The share of the truth that is spread evenly over all classes. */
        labelSmoothing: z.number().gt(0).lt(1).optional(),
        /** τ: how many times the logarithms of its own classes' shares a site adds to the logits while it trains. */
        logitAdjustment: z.number().positive().max(10).optional(),
      })
      .refine((fields) => Object.keys(fields).length > 0, 'labelSmoothing, logitAdjustment or both'),
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
  z.strictObject({ dice: diceOptions }),
  z.strictObject({ diceCrossEntropy: diceOptions }),
])
export type Loss = z.output<typeof lossSchema>
