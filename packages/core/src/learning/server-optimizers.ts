/**
 * What the coordinator makes of the aggregated update. `x ← x + step`; Δ is the aggregated update, a *descent* direction already.
 * The adaptive ones are Algorithm 2 of Reddi et al. 2021 ("Adaptive Federated Optimization"): mₜ = β₁mₜ₋₁ + (1 − β₁)Δₜ, a second
 * moment vₜ, and the step η·mₜ / (√vₜ + τ), without bias correction, from m₋₁ = 0 and v₋₁ = τ².
 */
import { mapped } from '../vector.ts'
import type { ServerOptimizer, VectorState } from './process.ts'

const vectorOf = (state: VectorState, name: string, dimension: number): Float64Array<ArrayBuffer> =>
  state[name] ?? new Float64Array(dimension)

/** step = factor·Δ. With factor 1: plain averaging. */
export const scale = (factor: number): ServerOptimizer => ({
  name: 'scale',
  init: () => ({}),
  apply: (update, state) => ({
    state,
    result: factor === 1 ? update : mapped(update, (value) => factor * value),
    measurements: {},
  }),
})

/** vₜ = β·vₜ₋₁ + Δₜ, step = vₜ (Hsu, Qi and Brown 2019, section 4: FedAvgM). */
export const accumulate = (momentum: number): ServerOptimizer => ({
  name: 'accumulate',
  init: (dimension) => ({ velocity: new Float64Array(dimension) }),
  apply(update, state) {
    const before = vectorOf(state, 'velocity', update.length)
    const velocity = mapped(update, (value, i) => momentum * (before[i] ?? 0) + value)
    return { state: { velocity }, result: velocity, measurements: {} }
  },
})

/** vₜ from vₜ₋₁ and Δₜ². */
type SecondMoment = (before: number, square: number) => number

export const adagradMoment: SecondMoment = (before, square) => before + square
export const adamMoment =
  (beta2: number): SecondMoment =>
  (before, square) =>
    beta2 * before + (1 - beta2) * square
export const yogiMoment =
  (beta2: number): SecondMoment =>
  (before, square) =>
    before - (1 - beta2) * square * Math.sign(before - square)

/** mₜ / (√vₜ + τ). The second moment uses Δₜ itself, not mₜ (Algorithm 2, lines 9 to 11). */
export const scaleByMoments = ({
  beta1,
  tau,
  moment,
}: {
  beta1: number
  tau: number
  moment: SecondMoment
}): ServerOptimizer => ({
  name: 'scaleByMoments',
  init: (dimension) => ({ first: new Float64Array(dimension), second: new Float64Array(dimension).fill(tau * tau) }),
  apply(update, state) {
    const [m, v] = [vectorOf(state, 'first', update.length), vectorOf(state, 'second', update.length)]
    const first = mapped(update, (value, i) => beta1 * (m[i] ?? 0) + (1 - beta1) * value)
    const second = mapped(update, (value, i) => moment(v[i] ?? 0, value * value))
    const result = mapped(first, (value, i) => value / (Math.sqrt(second[i] ?? 0) + tau))
    return { state: { first, second }, result, measurements: {} }
  },
})

/** One after another; each keeps its state under its own number. */
export const chain = (...stages: readonly ServerOptimizer[]): ServerOptimizer => ({
  name: stages.map(({ name }) => name).join(' → '),
  init: (dimension) => Object.assign({}, ...stages.map((stage, index) => numbered(stage.init(dimension), index))),
  apply(update, state) {
    let result = update
    let next: VectorState = {}
    const measurements: Record<string, number> = {}
    for (const [index, stage] of stages.entries()) {
      const done = stage.apply(result, own(state, index))
      result = done.result
      next = { ...next, ...numbered(done.state, index) }
      Object.assign(measurements, done.measurements)
    }
    return { state: next, result, measurements }
  },
})

const numbered = (state: VectorState, index: number): VectorState =>
  Object.fromEntries(Object.entries(state).map(([name, vector]) => [`${index}.${name}`, vector]))
const own = (state: VectorState, index: number): VectorState =>
  Object.fromEntries(
    Object.entries(state)
      .filter(([name]) => name.startsWith(`${index}.`))
      .map(([name, vector]) => [name.slice(`${index}.`.length), vector]),
  )
