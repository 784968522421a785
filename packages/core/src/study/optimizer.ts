/** The optimizers that a hospital may train with. Fields are Keras's, formulas and defaults PyTorch's (graph/optimizers/). */
import { z } from 'zod'

const rate = z.number().positive().max(1000)
const decay = z.number().min(0).lt(1)
const epsilon = z.number().positive()
const moments = { rate, beta1: decay.default(0.9), beta2: decay.default(0.999) }
/** λ: absent is none, so that a plan has one way to say so. */
const weightDecay = z.number().positive().max(1).optional()

const sgd = z
  .strictObject({
    rate,
    momentum: decay.default(0),
    /** Looks ahead along the momentum (Nesterov's). */
    nesterov: z.literal(true).optional(),
    weightDecay,
  })
  .refine(({ nesterov, momentum }) => nesterov === undefined || momentum > 0, {
    path: ['nesterov'],
    error: 'without momentum there is nothing to look ahead along',
  })

export const optimizerSchema = z.union([
  z.strictObject({ sgd }),
  z.strictObject({ adam: z.strictObject({ ...moments, epsilon: epsilon.default(1e-8), weightDecay }) }),
  z.strictObject({
    adamW: z.strictObject({
      ...moments,
      epsilon: epsilon.default(1e-8),
      weightDecay: z.number().min(0).max(1).default(0.01),
    }),
  }),
  z.strictObject({
    rmsProp: z.strictObject({
      rate,
      /** How much of the mean of squares stays from step to step. */
      alpha: decay.default(0.99),
      momentum: decay.default(0),
      epsilon: epsilon.default(1e-8),
      /** Whether squares are about the gradients' mean, rather than about 0. */
      centered: z.boolean().default(false),
      weightDecay,
    }),
  }),
  z.strictObject({ adagrad: z.strictObject({ rate, epsilon: epsilon.default(1e-10), weightDecay }) }),
  z.strictObject({
    lamb: z.strictObject({
      ...moments,
      epsilon: epsilon.default(1e-6),
      weightDecay: z.number().min(0).max(1).default(0.01),
    }),
  }),
])
export type OptimizerSpec = z.output<typeof optimizerSchema>

type KeysOf<T> = T extends unknown ? keyof T : never
export type OptimizerName = KeysOf<OptimizerSpec>
/** The options of the optimizer called so. */
export type OptimizerOptions<N extends OptimizerName> = N extends unknown
  ? Extract<OptimizerSpec, Record<N, unknown>>[N]
  : never

export const optimizerName = (spec: OptimizerSpec): OptimizerName => Object.keys(spec)[0] as OptimizerName
