import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, step, type Update } from './process.ts'
import { controlVariates } from './scaffold.ts'
import { strategyOf } from './strategies.ts'
import { commonOptimum, descend, type Parabola } from './testing/quadratics.ts'

const scaffold: StrategySpec = { scaffold: { rate: 1 } }
const update = (site: string, change: number, numSteps: number): Update => ({
  site,
  numExamples: 9,
  numSteps,
  delta: Float32Array.of(change),
})

test('SCAFFOLD by hand: the coordinator’s half (Karimireddy et al. 2020, Algorithm 1, option II, variates times η)', () => {
  const strategy = strategyOf(scaffold)
  const updates = [update('a', 4, 2), update('b', -1, 1)]
  const first = step(strategy, { weights: Float32Array.of(1), updates, cohort: 2 }, initialState(strategy, 1))
  // 1 + (4 − 1)/2; −½·(4/2 − 1/1). How many examples somebody claims does not count.
  assert.deepEqual([...first.result], [2.5])
  assert.deepEqual(first.state.aggregator, { variate: Float64Array.of(-0.5) })
  // Of two sites one takes part: 2.5 + 2; (1 − ½)·(−½) − ½·2/2.
  const second = step(strategy, { weights: first.result, updates: [update('a', 2, 2)], cohort: 2 }, first.state)
  assert.deepEqual([...second.result], [4.5])
  assert.deepEqual(second.state.aggregator, { variate: Float64Array.of(-0.75) })
  // The server's rate is that of the weights, not of the variates.
  const half = strategyOf({ scaffold: { rate: 0.5 } })
  const slower = step(half, { weights: Float32Array.of(1), updates, cohort: 2 }, initialState(half, 1))
  assert.deepEqual([[...slower.result], slower.state.aggregator], [[1.75], { variate: Float64Array.of(-0.5) }])
})

test('SCAFFOLD by hand: a site’s half', () => {
  // After the first round above: c̃ = −½, and from zeros c̃ₐ = −4/2, c̃_b = 1/1.
  const zero = { own: Float32Array.of(0), common: Float32Array.of(0) }
  assert.deepEqual(controlVariates.next(zero, { delta: Float32Array.of(4), steps: 2 }), Float32Array.of(-2))
  assert.deepEqual(controlVariates.next(zero, { delta: Float32Array.of(-1), steps: 1 }), Float32Array.of(1))
  const a = { own: Float32Array.of(-2), common: Float32Array.of(-0.5) }
  // (c̃ − c̃ₐ)/η = (−½ + 2)/½; b's is (−½ − 1)/½: together 0.
  assert.deepEqual(controlVariates.gradient(a, 0.5), Float32Array.of(3))
  assert.deepEqual(controlVariates.gradient({ ...a, own: Float32Array.of(1) }, 0.5), Float32Array.of(-3))
  // −2 + ½ − 2/2; with b's 1 the mean is the coordinator's −¾.
  assert.deepEqual(controlVariates.next(a, { delta: Float32Array.of(2), steps: 2 }), Float32Array.of(-2.5))
})

test('where hospitals are of one size, the first round is FedAvg’s, to the bit', () => {
  // Multiples of 2⁻¹⁰ below 2¹⁰: all sums are exact, and n·Σ over n·m is the same quotient as Σ over m.
  const change = fc.integer({ min: -(2 ** 20), max: 2 ** 20 }).map((value) => value / 2 ** 10)
  const site = fc.record({ change, steps: fc.integer({ min: 1, max: 50 }) })
  fc.assert(
    fc.property(
      fc.array(site, { minLength: 1, maxLength: 7 }),
      fc.float({ noNaN: true, min: -9, max: 9 }),
      (sites, w) => {
        const updates = sites.map(({ change, steps }, index) => update(`site ${index}`, change, steps))
        const after = (spec: StrategySpec): Float32Array => {
          const strategy = strategyOf(spec)
          return step(strategy, { weights: Float32Array.of(w), updates }, initialState(strategy, 1)).result
        }
        assert.deepEqual(after(scaffold), after({ fedAvg: { rate: 1 } }))
      },
    ),
  )
})

const parabola: fc.Arbitrary<Parabola> = fc.record({
  curvature: fc.double({ min: 0.5, max: 2, noNaN: true }),
  optimum: fc.double({ min: -10, max: 10, noNaN: true }),
  steps: fc.integer({ min: 5, max: 20 }),
})

test('whoever misses rounds, the common variate is the mean of all sites’ own', () => {
  const missed = fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), { minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(fc.array(parabola, { minLength: 1, maxLength: 5 }), missed, (hospitals, table) => {
      // The last hospital misses none: a round has one update at least.
      const misses = (round: number, at: number): boolean => at < hospitals.length - 1 && table[round]?.[at] === true
      const { state, kept } = descend(scaffold, hospitals, { rate: 0.02, rounds: 12, misses })
      const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length
      // η·a·|w − b| is below 1; 12 roundings to Float32, each of 2⁻²⁴ of it.
      assert.ok(Math.abs((state.aggregator.variate?.[0] ?? Number.NaN) - mean) < 1e-5)
    }),
  )
})

test('of unlike hospitals with many and unlike local steps it finds the optimum of their common loss', () => {
  fc.assert(
    fc.property(fc.array(parabola, { minLength: 2, maxLength: 5 }), (hospitals) => {
      // A round goes at least η·a·K = 0.05 of the way: what is left of 600 is e⁻³⁰; Float32 weights stand still before.
      const { weight } = descend(scaffold, hospitals, { rate: 0.02, rounds: 600 })
      assert.ok(Math.abs(weight - commonOptimum(hospitals)) < 1e-3, `${weight} and ${commonOptimum(hospitals)}`)
    }),
    { numRuns: 50 },
  )
})

test('where FedAvg does not', () => {
  const hospitals = [
    { curvature: 0.5, optimum: -6, steps: 5 },
    { curvature: 2, optimum: 4, steps: 20 },
  ]
  assert.equal(commonOptimum(hospitals), 2)
  const plan = { rate: 0.02, rounds: 600 }
  // Each goes 1 − (1 − ηa)^K of the way to its own optimum: 1 − 0.99⁵ = 0.049 and 1 − 0.96²⁰ = 0.558; (0.558·4 − 0.049·6)/0.607 = 3.19.
  assert.ok(Math.abs(descend({ fedAvg: { rate: 1 } }, hospitals, plan).weight - 3.19) < 0.01)
  assert.ok(Math.abs(descend(scaffold, hospitals, plan).weight - 2) < 1e-3)
})
