import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, step, type Update } from './process.ts'
import { strategyOf } from './strategies.ts'

const fedNova: StrategySpec = { fedNova: { rate: 1 } }

/** From weights of `from`: what they become in one round. */
function after(spec: StrategySpec, updates: readonly Update[], from = 0) {
  const strategy = strategyOf(spec)
  const { result } = step(strategy, { weights: Float32Array.of(from), updates }, initialState(strategy, 1))
  return result[0] ?? Number.NaN
}
type Site = { readonly n: number; readonly steps: number; readonly change: number }
const updatesOf = (sites: readonly Site[]): Update[] =>
  sites.map(({ n, steps, change }, index) => ({
    site: `site ${index}`,
    numExamples: n,
    numSteps: steps,
    delta: Float32Array.of(change),
  }))

test('FedNova by hand: τ_eff · Σ pᵢ·Δᵢ/τᵢ (Wang et al. 2020, section 4)', () => {
  // p = ¼, ¾; τ = 1, 4: τ_eff = ¼ + 3 = 3¼. Of equal changes a step, 2: 3¼ of them; so says the mean, ¼·2 + ¾·8.
  const updates = updatesOf([
    { n: 1, steps: 1, change: 2 },
    { n: 3, steps: 4, change: 8 },
  ])
  assert.equal(after(fedNova, updates), 6.5)
  // ¼·8/1 + ¾·2/4 = 2.375, times 3¼; the mean is 3½.
  const other = updatesOf([
    { n: 1, steps: 1, change: 8 },
    { n: 3, steps: 4, change: 2 },
  ])
  assert.equal(after(fedNova, other), 7.71875)
  assert.equal(after({ fedNova: { rate: 0.5 } }, other), 3.859375)
})

const sites = fc.array(
  fc.record({
    n: fc.integer({ min: 1, max: 5000 }),
    steps: fc.integer({ min: 1, max: 500 }),
    change: fc.float({ min: -100, max: 100, noNaN: true }),
  }),
  { minLength: 1, maxLength: 6 },
)

test('of equal steps it is FedAvg, to the bit', () => {
  fc.assert(
    fc.property(sites, fc.integer({ min: 1, max: 500 }), (drawn, steps) => {
      const updates = updatesOf(drawn.map((site) => ({ ...site, steps })))
      assert.equal(after(fedNova, updates), after({ fedAvg: { rate: 1 } }, updates))
    }),
  )
})

test('hospitals that take unlike numbers of steps end where their common loss is least, and FedAvg does not', () => {
  // Each goes down ½(w − bᵢ)² at rate η for τᵢ steps: what is left of the way to bᵢ is (1 − η)^τᵢ.
  const rate = 1e-3
  const hospitals = [
    { n: 1, steps: 1, optimum: -6 },
    { n: 1, steps: 40, optimum: 4 },
    { n: 2, steps: 10, optimum: 1 },
  ]
  // (−6 + 4 + 2·1) / 4
  const common = 0
  const converged = (spec: StrategySpec): number => {
    let w = 5
    for (let round = 0; round < 4000; round++) {
      const changes = hospitals.map(({ optimum, ...site }) => ({
        ...site,
        change: (1 - (1 - rate) ** site.steps) * (optimum - w),
      }))
      w = after(spec, updatesOf(changes), w)
    }
    return w
  }
  // To first order in η; what is left is of the size η·τ of the distance between hospitals: 10⁻³·40/2·10.
  assert.ok(Math.abs(converged(fedNova) - common) < 0.2, String(converged(fedNova)))
  // (1·(−6) + 40·4 + 20·1) / 61 = 2.9
  assert.ok(converged({ fedAvg: { rate: 1 } }) > 2.5)
})

test('without steps there is no answer', () => {
  assert.throws(() => after(fedNova, [{ site: 'a', numExamples: 1, delta: Float32Array.of(1) }]), /WR_INTERNAL/)
})
