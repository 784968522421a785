/** Hospitals whose losses are parabolas, and what a strategy makes of them with many local steps: where it ends can be computed by hand. */
import type { StrategySpec } from '../../study/strategy.ts'
import type { LocalCorrection } from '../local-correction.ts'
import { initialState, step, type Update } from '../process.ts'
import { strategyOf } from '../strategies.ts'

/** ½·a·(w − b)², `steps` times down its slope in a round. */
export type Parabola = { readonly curvature: number; readonly optimum: number; readonly steps: number }

/** Where Σ ½·aᵢ·(w − bᵢ)² is least: Σ aᵢbᵢ / Σ aᵢ. */
export const commonOptimum = (hospitals: readonly Parabola[]): number =>
  hospitals.reduce((sum, { curvature, optimum }) => sum + curvature * optimum, 0) /
  hospitals.reduce((sum, { curvature }) => sum + curvature, 0)

type Plan = {
  readonly rate: number
  readonly rounds: number
  /** Whether a hospital misses a round. */
  readonly misses?: (round: number, hospital: number) => boolean
}

const nothing: LocalCorrection = {
  gradient: ({ own }) => new Float32Array(own.length),
  next: ({ own }) => Float32Array.from(own),
}

/** The weight after all rounds, from 0, the state of the coordinator and what each hospital keeps. */
export function descend(
  spec: StrategySpec,
  hospitals: readonly Parabola[],
  { rate, rounds, misses = () => false }: Plan,
) {
  const strategy = strategyOf(spec)
  const { correction = nothing, proximalMu = 0 } = strategy.client
  let state = initialState(strategy, 1)
  let weights = Float32Array.of(0)
  const kept = hospitals.map(() => Float32Array.of(0))
  for (let round = 0; round < rounds; round++) {
    const common = Float32Array.from(state.aggregator[correction.common ?? ''] ?? [0])
    const [from = 0] = weights
    const updates: Update[] = []
    for (const [index, { curvature, optimum, steps }] of hospitals.entries()) {
      if (misses(round, index)) continue
      const vectors = { own: kept[index] ?? Float32Array.of(0), common }
      const [added = 0] = correction.gradient(vectors, rate)
      let w = from
      for (let k = 0; k < steps; k++) w -= rate * (curvature * (w - optimum) + added + proximalMu * (w - from))
      const delta = Float32Array.of(w - from)
      kept[index] = correction.next(vectors, { delta, steps })
      updates.push({ site: `site ${index}`, numExamples: 1, numSteps: steps, delta })
    }
    const done = step(strategy, { weights, updates, cohort: hospitals.length }, state)
    ;[weights, state] = [done.result, done.state]
  }
  return { weight: weights[0] ?? Number.NaN, state, kept: kept.map(([value = Number.NaN]) => value) }
}
