import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { linearTerm } from './fed-dyn.ts'
import { initialState, step, type Update } from './process.ts'
import { strategyOf } from './strategies.ts'
import { commonOptimum, descend, type Parabola } from './testing/quadratics.ts'

const fedDyn: StrategySpec = { fedDyn: { alpha: 1 } }
const update = (site: string, change: number): Update => ({ site, numExamples: 9, delta: Float32Array.of(change) })

test('FedDyn by hand: the coordinator’s half (Acar et al. 2021, Algorithm 1, h over α)', () => {
  const strategy = strategyOf(fedDyn)
  const updates = [update('a', 4), update('b', -1)]
  const first = step(strategy, { weights: Float32Array.of(1), updates, cohort: 2 }, initialState(strategy, 1))
  // H = −(4 − 1)/2; 1 + 1½ + 1½: twice the mean.
  assert.deepEqual([[...first.result], first.state.aggregator], [[4], { drift: Float64Array.of(-1.5) }])
  // Of two sites one takes part: H = −1½ − 2/2; 4 + 2 + 2½.
  const second = step(strategy, { weights: first.result, updates: [update('a', 2)], cohort: 2 }, first.state)
  assert.deepEqual([[...second.result], second.state.aggregator], [[8.5], { drift: Float64Array.of(-2.5) }])
})

test('FedDyn by hand: a site’s half', () => {
  const { gradient, next } = linearTerm(0.25)
  const common = Float32Array.of(0)
  // s = 4 after the first round, and 6 after one of 2; α·s is added, which is −gᵢ.
  const after = next({ own: Float32Array.of(0), common }, { delta: Float32Array.of(4), steps: 3 })
  assert.deepEqual(after, Float32Array.of(4))
  assert.deepEqual(gradient({ own: after, common }, 0.5), Float32Array.of(1))
  assert.deepEqual(next({ own: after, common }, { delta: Float32Array.of(2), steps: 3 }), Float32Array.of(6))
  const { proximalMu, correction } = strategyOf({ fedDyn: { alpha: 0.25 } }).client
  assert.deepEqual([proximalMu, correction?.common], [0.25, undefined])
})

test('a site that goes all the way down keeps the slope at which it ended: −α·sᵢ is its gradient there', () => {
  // ½·2·(w − 3)² with α = 1, from 0: 2(w − 3) + w = 0, w = 2, and the slope is −2. Then from 4, twice as far: 2(w − 3) + 2 + (w − 4) = 0.
  const hospital = { curvature: 2, optimum: 3, steps: 200 }
  const [one, two] = [1, 2].map((rounds) => descend(fedDyn, [hospital], { rate: 0.1, rounds }))
  const near = (found: number | undefined, wanted: number): void =>
    assert.ok(Math.abs((found ?? Number.NaN) - wanted) < 1e-5, `${found} and ${wanted}`)
  near(one?.kept[0], 2)
  near(one?.weight, 4)
  // w = 8/3: Δ = −4/3, s = 2 − 4/3 = 2/3, and 2·(8/3 − 3) is −2/3. H = −2/3: 4 − 4/3 + 2/3.
  near(two?.kept[0], 2 / 3)
  near(two?.weight, 10 / 3)
})

const parabola: fc.Arbitrary<Parabola> = fc.record({
  curvature: fc.double({ min: 0.5, max: 2, noNaN: true }),
  optimum: fc.double({ min: -10, max: 10, noNaN: true }),
  steps: fc.integer({ min: 40, max: 80 }),
})

test('of unlike hospitals with many and unlike local steps it finds the optimum of their common loss', () => {
  fc.assert(
    fc.property(fc.array(parabola, { minLength: 2, maxLength: 5 }), (hospitals) => {
      const { weight } = descend(fedDyn, hospitals, { rate: 0.05, rounds: 200 })
      assert.ok(Math.abs(weight - commonOptimum(hospitals)) < 1e-3, `${weight} and ${commonOptimum(hospitals)}`)
    }),
    { numRuns: 50 },
  )
})

test('where FedAvg and FedProx do not', () => {
  const hospitals = [
    { curvature: 0.5, optimum: -6, steps: 40 },
    { curvature: 2, optimum: 4, steps: 80 },
  ]
  assert.equal(commonOptimum(hospitals), 2)
  const plan = { rate: 0.05, rounds: 200 }
  const distance = (spec: StrategySpec): number => Math.abs(descend(spec, hospitals, plan).weight - 2)
  assert.ok(distance(fedDyn) < 1e-3)
  assert.ok(distance({ fedAvg: { rate: 1 } }) > 1)
  // A site that goes all the way down goes a/(a + μ) of it: (⅔·4 − ⅓·6)/1 = ⅔.
  assert.ok(distance({ fedProx: { rate: 1, mu: 1 } }) > 1)
})
