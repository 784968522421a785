/** What a hostile hospital does to its update, or to the records that it trains on. Updates are flat, of the shared weights. */
import type { Random } from '@wardround/core/random.ts'
import type { Dataset } from '@wardround/site/training/trainer.ts'

export type Attack = {
  readonly name: string
  /** What it trains on instead. */
  readonly records?: (data: Dataset) => Dataset
  /** What it sends instead. The attackers know every honest update of the round, and agree among themselves. */
  readonly update?: (own: Float32Array, honest: readonly Float32Array[], random: Random) => Float32Array<ArrayBuffer>
}

const column = (updates: readonly Float32Array[], i: number): number[] => updates.map((update) => update[i] ?? 0)
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const deviationOf = (values: readonly number[]): number => {
  const mean = meanOf(values)
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)))
}

/** Box and Muller 1958. */
const gaussian = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())

/** Root mean square of all honest weights' changes. */
const usualChange = (honest: readonly Float32Array[]): number =>
  Math.sqrt(meanOf(honest.map((update) => meanOf(Array.from(update, (value) => value * value)))))

const signFlip: Attack = { name: 'sign flip', update: (own) => own.map((value) => -value) }

/** Binary targets only. */
const labelFlip: Attack = {
  name: 'label flip',
  records: (data) => ({ ...data, target: data.target.map((value) => 1 - value) }),
}

const scaling: Attack = { name: 'scaling by 1,000,000', update: (own) => own.map((value) => 1e6 * value) }

const noise: Attack = {
  name: 'Gaussian noise',
  update(own, honest, random) {
    const deviation = 10 * usualChange(honest)
    return own.map(() => deviation * gaussian(random))
  },
}

/** Baruch, Baruch and Goldberg 2019, "A Little Is Enough", Algorithm 3: μ − z·σ of each coordinate, with the z = 1.5 of their experiments. */
const littleIsEnough: Attack = {
  name: 'a little is enough',
  update: (own, honest) =>
    own.map((_, i) => {
      const values = column(honest, i)
      return meanOf(values) - 1.5 * deviationOf(values)
    }),
}

/** Xie, Koyejo and Gupta 2020, "Fall of Empires", section 4: −ε times the honest mean. */
const innerProduct = (epsilon: number): Attack => ({
  name: `inner product, ε ${epsilon}`,
  update: (own, honest) => own.map((_, i) => -epsilon * meanOf(column(honest, i))),
})

export const attacks: readonly Attack[] = [
  signFlip,
  labelFlip,
  scaling,
  noise,
  littleIsEnough,
  innerProduct(0.5),
  innerProduct(10),
]
