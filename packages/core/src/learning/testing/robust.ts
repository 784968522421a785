/** Updates with liars among them, and what a rule makes of updates in its first round. */
import fc from 'fast-check'
import type { StrategySpec } from '../../study/strategy.ts'
import { initialState, step, type Update } from '../process.ts'
import { strategyOf } from '../strategies.ts'

/** A site for each row. Robust rules count sites alike, so that the sizes say something else each. */
export const updatesOf = (rows: readonly (readonly number[])[]): Update[] =>
  rows.map((row, index) => ({
    site: `site ${String(index).padStart(3, '0')}`,
    numExamples: 1 + ((index * 977) % 5000),
    delta: Float32Array.from(row),
  }))

/** From weights of 0: what they become in one round. */
export function aggregateOf(spec: StrategySpec, rows: readonly (readonly number[])[]): number[] {
  const strategy = strategyOf(spec)
  const weights = new Float32Array(rows[0]?.length ?? 0)
  return [...step(strategy, { weights, updates: updatesOf(rows) }, initialState(strategy, weights.length)).result]
}

type Cluster = {
  readonly updates: readonly (readonly number[])[]
  readonly honest: readonly (readonly number[])[]
  readonly liars: number
  /** The largest distance between two honest updates is at most this. */
  readonly spread: number
}

/**
 * Honest updates near one another, and one to three liars somewhere beyond: near to each other, apart, or enormous, up to what the door lets
 * through. `least` says how many honest ones there are at least. They come in any order.
 */
export const cluster = ({ least }: { least: (liars: number) => number }): fc.Arbitrary<Cluster> =>
  fc.integer({ min: 1, max: 3 }).chain((liars) => {
    const point = (most: number) =>
      fc.array(fc.float({ min: -most, max: most, noNaN: true }), { minLength: 3, maxLength: 3 })
    const away = fc.constantFrom(100, 1e4, 1e12, 1e30)
    return fc
      .record({
        centre: point(10),
        honest: fc.array(point(1), { minLength: least(liars), maxLength: least(liars) + 3 }),
        lies: fc.array(fc.tuple(point(1), away), { minLength: liars, maxLength: liars }),
        together: fc.boolean(),
        order: fc.infiniteStream(fc.nat()),
      })
      .map(({ centre, honest, lies, together, order }) => {
        const near = honest.map((point) => point.map((value, k) => Math.fround(value + (centre[k] ?? 0))))
        const [first] = lies
        const far = lies.map(([point, away], index) => {
          const [direction, distance] = together && first !== undefined ? first : [point, away]
          // Outside in every coordinate, so that a mean with a share of it lies outside as well.
          return direction.map((value) =>
            Math.fround((value < 0 ? -1 : 1) * distance * (1 + Math.abs(value) / (index + 2))),
          )
        })
        const updates = [...near, ...far]
          .map((update) => ({ update, key: order.next().value ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ update }) => update)
        return { updates, honest: near, liars, spread: 2 * Math.sqrt(3) }
      })
  })
