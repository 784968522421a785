import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, weighed } from './process.ts'
import { strategyOf } from './strategies.ts'
import { aggregateOf, cluster, updatesOf } from './testing/robust.ts'

const spec: StrategySpec = { geometricMedian: { rate: 1, smoothing: 1e-6 } }
const distance = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((x, k) => x - (b[k] ?? 0)))
const near = (found: readonly number[], wanted: readonly number[], within: number): void =>
  assert.ok(distance(found, wanted) <= within, `${found} and ${wanted}`)

test('by hand: where each point pulls with the same force', () => {
  assert.deepEqual(aggregateOf(spec, [[7, -2]]), [7, -2])
  // The corners of a rectangle: its middle, by symmetry.
  near(
    aggregateOf(spec, [
      [0, 0],
      [4, 0],
      [0, 2],
      [4, 2],
    ]),
    [2, 1],
    1e-6,
  )
  // An equilateral triangle: its centre (Fermat's point).
  near(
    aggregateOf(spec, [
      [0, 0],
      [2, 0],
      [1, Math.sqrt(3)],
    ]),
    [1, 1 / Math.sqrt(3)],
    1e-6,
  )
  // (0, 0), (1, 0), (0, 1): Fermat's point has x = y, and 120° between all three: x = (1 − 1/√3) / 2.
  const x = (1 - 1 / Math.sqrt(3)) / 2
  near(
    aggregateOf(spec, [
      [0, 0],
      [1, 0],
      [0, 1],
    ]),
    [x, x],
    1e-6,
  )
  // An angle of more than 120° at (0, 0): the point itself.
  near(
    aggregateOf(spec, [
      [0, 0],
      [3, 0.5],
      [-3, 0.5],
    ]),
    [0, 0],
    1e-4,
  )
  // On a line: the median.
  near(aggregateOf(spec, [[-5], [1], [2], [3], [100]]), [2], 1e-4)
})

test('no other point has a smaller sum of distances', () => {
  const point = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 2 })
  const sum = (v: readonly number[], points: readonly (readonly number[])[]): number =>
    points.reduce((sum, point) => sum + distance(v, point), 0)
  fc.assert(
    fc.property(
      fc.array(point, { minLength: 1, maxLength: 8 }),
      fc.array(point, { maxLength: 8 }),
      (points, others) => {
        const found = aggregateOf(spec, points)
        const least = sum(found, points)
        const nearby = [-1, 1].flatMap((sign) => [
          [(found[0] ?? 0) + sign * 0.01, found[1] ?? 0],
          [found[0] ?? 0, (found[1] ?? 0) + sign * 0.01],
        ])
        for (const other of [...points, ...others, ...nearby])
          assert.ok(least <= sum(other, points) + 1e-4, `${found}: ${least}; ${other}: ${sum(other, points)}`)
      },
    ),
  )
})

test('what a minority sends moves it by no more than a multiple of the spread of the others', () => {
  fc.assert(
    fc.property(cluster({ least: (liars) => liars + 1 }), ({ updates, honest, liars, spread }) => {
      // With g honest and l liars, all honest within s of an honest x, D = ‖v − x‖, and v's sum of distances no more than x's:
      // g(D − s) − l·D ≤ g·s, so that D ≤ 2g/(g − l)·s.
      const bound = ((2 * honest.length) / (honest.length - liars)) * spread
      for (const update of honest) assert.ok(distance(aggregateOf(spec, updates), update) <= bound * (1 + 1e-6))
    }),
  )
})

test('also where nearly half of many hospitals send something enormous, without a long way back', () => {
  const updates = Array.from({ length: 199 }, (_, index) => [index < 99 ? 1e30 : index % 2, index % 3])
  const strategy = strategyOf(spec)
  const { measurements } = weighed(strategy, updatesOf(updates), initialState(strategy, 2))
  // Coordinate 0 is 0 or 1 with the honest ones, and between them and 10³⁰ lies nobody.
  const found = aggregateOf(spec, updates)
  assert.ok(distance(found, [0, 0]) <= ((2 * 100) / (100 - 99)) * Math.sqrt(5), String(found))
  assert.ok((measurements.medianPasses ?? 1000) < 1000)
})
