/** A strategy through rounds in memory, and what it makes of one weight. */
import type { StrategySpec } from '../../study/strategy.ts'
import { initialState, type Strategy, type StrategyState, step, type Update } from '../process.ts'
import { strategyOf } from '../strategies.ts'

export type Rounds = { weights: Float32Array; rounds: readonly (readonly Update[])[] }
export type Between = (state: StrategyState) => StrategyState

/** Weights and state after all rounds. `between` is done to the state before every round. */
export function play(strategy: Strategy, { weights, rounds }: Rounds, between: Between = (state) => state) {
  const measurements: Readonly<Record<string, number>> = {}
  let now = { weights, state: initialState(strategy, weights.length), measurements }
  for (const updates of rounds) {
    const { result, state, measurements } = step(strategy, { weights: now.weights, updates }, between(now.state))
    now = { weights: result, state, measurements }
  }
  return now
}

/** One weight through two rounds: two sites of 1 and 3 examples, whose updates average to Δ₁ = 4 and Δ₂ = −2. */
export function twoRounds(spec: StrategySpec): number[] {
  const strategy = strategyOf(spec)
  const rounds = [
    // (1·10 + 3·2) / 4 = 4
    [
      { site: 'b', numExamples: 3, delta: Float32Array.of(2) },
      { site: 'a', numExamples: 1, delta: Float32Array.of(10) },
    ],
    // (1·1 + 3·(−3)) / 4 = −2
    [
      { site: 'a', numExamples: 1, delta: Float32Array.of(1) },
      { site: 'b', numExamples: 3, delta: Float32Array.of(-3) },
    ],
  ]
  const weights = Float32Array.of(1)
  return [rounds.slice(0, 1), rounds].map((rounds) => play(strategy, { weights, rounds }).weights[0] ?? Number.NaN)
}
/** One weight at 0, one round: each site's update is its change. */
export const oneRound = (spec: StrategySpec, changes: readonly number[]): number => {
  const updates = changes.map((change, index) => ({
    site: `site ${index}`,
    numExamples: 1 + 1000 * index,
    delta: Float32Array.of(change),
  }))
  const strategy = strategyOf(spec)
  return step(strategy, { weights: Float32Array.of(0), updates }, initialState(strategy, 1)).result[0] ?? Number.NaN
}
