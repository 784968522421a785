/** The strategy part of a study: one of the published algorithms and its rates. learning/strategies.ts gives it meaning. */
import { z } from 'zod'
import { stalenessSchema } from './staleness.ts'

const serverRate = z.number().positive().max(1000)
const beta = z.number().min(0).lt(1)
/** Reddi et al. 2021, Algorithm 2: τ, the degree of adaptivity. */
const tau = z.number().positive().default(1e-3)
/** How many hospitals may be wrong; absent: as many as the rule bears in a round of that size. */
const faulty = z.int().min(1).max(10_000).optional()
/** A length in the unit of the weights, or the median of the round's. */
const bound = z.union([z.literal('median'), z.number().positive()])

/** Li et al. 2020, "Fair Resource Allocation in Federated Learning". */
const qFedAvg = z.strictObject({
  /** 0: a plain mean; the larger, the more the hospitals count where the model is worst. */
  q: z.number().min(0).max(100),
  /** L, an estimate of the losses' Lipschitz constant: 1 / the local rate. */
  lipschitz: z.number().positive().max(1e6),
})

/** Nguyen et al. 2022. */
const fedBuff = z.strictObject({
  rate: serverRate.default(1),
  /** Updates that make a round: it does not wait for more. */
  buffer: z.int().min(1).max(10_000),
  staleness: stalenessSchema.prefault({}),
})

export const strategySchema = z.union([
  z.strictObject({ fedAvg: z.strictObject({ rate: serverRate.default(1) }) }),
  z.strictObject({ fedAvgM: z.strictObject({ rate: serverRate.default(1), momentum: beta.default(0.9) }) }),
  z.strictObject({ fedProx: z.strictObject({ rate: serverRate.default(1), mu: z.number().positive() }) }),
  z.strictObject({ fedAdagrad: z.strictObject({ rate: serverRate, beta1: beta.default(0), tau }) }),
  z.strictObject({
    fedAdam: z.strictObject({ rate: serverRate, beta1: beta.default(0.9), beta2: beta.default(0.99), tau }),
  }),
  z.strictObject({
    fedYogi: z.strictObject({ rate: serverRate, beta1: beta.default(0.9), beta2: beta.default(0.99), tau }),
  }),
  z.strictObject({ cyclic: z.strictObject({ order: z.enum(['name', 'shuffled']).default('name') }) }),
  z.strictObject({ median: z.strictObject({ rate: serverRate.default(1) }) }),
  z.strictObject({
    trimmedMean: z.strictObject({ rate: serverRate.default(1), beta: z.number().positive().lt(0.5).default(0.2) }),
  }),
  z.strictObject({ fedNova: z.strictObject({ rate: serverRate.default(1) }) }),
  z.strictObject({ qFedAvg }),
  z.strictObject({ scaffold: z.strictObject({ rate: serverRate.default(1) }) }),
  z.strictObject({ fedDyn: z.strictObject({ alpha: z.number().positive() }) }),
  z.strictObject({ fedBuff }),
  z.strictObject({ krum: z.strictObject({ rate: serverRate.default(1), faulty }) }),
  z.strictObject({
    multiKrum: z.strictObject({ rate: serverRate.default(1), faulty, keep: z.int().min(1).max(10_000).optional() }),
  }),
  z.strictObject({
    geometricMedian: z.strictObject({ rate: serverRate.default(1), smoothing: z.number().positive().default(1e-6) }),
  }),
  z.strictObject({ normBound: z.strictObject({ rate: serverRate.default(1), norm: bound.default('median') }) }),
  z.strictObject({
    centredClipping: z.strictObject({
      rate: serverRate.default(1),
      radius: bound.default('median'),
      iterations: z.int().min(1).max(100).default(1),
    }),
  }),
])
export type StrategySpec = z.output<typeof strategySchema>
