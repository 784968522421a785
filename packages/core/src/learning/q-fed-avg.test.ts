import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, step, type Update, weighed } from './process.ts'
import { strategyOf } from './strategies.ts'

const fair = (q: number, lipschitz = 2): StrategySpec => ({ qFedAvg: { q, lipschitz } })

type Site = { readonly loss: number; readonly change: number }
const updatesOf = (sites: readonly Site[]): Update[] =>
  sites.map(({ loss, change }, index) => ({
    site: `site ${index}`,
    numExamples: 1 + 1000 * index,
    measurements: { lossBefore: loss },
    delta: Float32Array.of(change),
  }))

function after(spec: StrategySpec, updates: readonly Update[]): number {
  const strategy = strategyOf(spec)
  const { result } = step(strategy, { weights: Float32Array.of(0), updates }, initialState(strategy, 1))
  return result[0] ?? Number.NaN
}

/** Σ Δₖ / Σ hₖ as Algorithm 2 writes it, from Δwₖ = L·(wᵗ − w̄ₖ). */
function published(q: number, l: number, sites: readonly Site[]): number {
  const parts = sites.map(({ loss, change }) => {
    const gradient = -l * change
    return { delta: loss ** q * gradient, h: q * loss ** (q - 1) * gradient ** 2 + l * loss ** q }
  })
  return -parts.reduce((sum, { delta }) => sum + delta, 0) / parts.reduce((sum, { h }) => sum + h, 0)
}

test('q-FedAvg by hand: Σ F^q·Δ / Σ (q·F^(q−1)·L·Δ² + F^q) (Li et al. 2020, Algorithm 2)', () => {
  // q = 1, L = 2: (1·1 + 3·2) / ((2·1 + 1) + (2·4 + 3)) = 7/14.
  const sites = [
    { loss: 1, change: 1 },
    { loss: 3, change: 2 },
  ]
  assert.equal(after(fair(1), updatesOf(sites)), 0.5)
  // q = 2, L = ½: (1·1 + 9·2) / ((2·1·½·1 + 1) + (2·3·½·4 + 9)) = 19/23.
  assert.equal(after(fair(2, 0.5), updatesOf(sites)), Math.fround(19 / 23))
})

const losses = fc.double({ min: 0.01, max: 100, noNaN: true })
const sites = fc.array(fc.record({ loss: losses, change: fc.float({ min: -10, max: 10, noNaN: true }) }), {
  minLength: 1,
  maxLength: 6,
})

test('it is the published quotient, for any q and L', () => {
  const parameter = fc.double({ min: 0.01, max: 5, noNaN: true })
  fc.assert(
    fc.property(sites, parameter, parameter, (drawn, q, l) => {
      const wanted = published(q, l, drawn)
      // Weights are Float32, whose least is 2⁻¹⁴⁹, and differences of changes may cancel.
      const scale = Math.max(...drawn.map(({ change }) => Math.abs(change)))
      assert.ok(Math.abs(after(fair(q, l), updatesOf(drawn)) - wanted) <= 2 ** -23 * scale + 2 ** -149)
    }),
  )
})

test('q = 0 is the plain mean, to the bit: its paper draws hospitals by size, and counts those drawn alike', () => {
  const mean: StrategySpec = { fedBuff: { rate: 1, buffer: 1, staleness: { exponent: 0, maximum: 1 } } }
  fc.assert(
    fc.property(sites, (drawn) => {
      assert.equal(after(fair(0), updatesOf(drawn)), after(mean, updatesOf(drawn)))
    }),
  )
})

test('the larger q, the more the hospital counts where the model is worse', () => {
  const shareOfWorst = (q: number): number => {
    const strategy = strategyOf(fair(q))
    const updates = updatesOf([
      { loss: 0.2, change: 1 },
      { loss: 0.8, change: 1 },
    ])
    const { coefficients } = weighed(strategy, updates, initialState(strategy, 1))
    return (coefficients[1] ?? 0) / coefficients.reduce((sum, coefficient) => sum + coefficient, 0)
  }
  // F^q / Σ F^q: ½, ⅘, 16/17.
  for (const [q, share] of [
    [0, 1 / 2],
    [1, 4 / 5],
    [2, 16 / 17],
  ] as const)
    assert.ok(Math.abs(shareOfWorst(q) - share) < 1e-12)
})

test('a perfect model, or a loss beyond all bounds, leaves a finite step no longer than the longest change', () => {
  const extreme = fc.constantFrom(0, 1e-300, 1e-9, 1, 1e30, Number.MAX_VALUE)
  const changes = fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true })
  fc.assert(
    fc.property(
      fc.array(fc.record({ loss: extreme, change: changes }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(0, 0.5, 1, 7, 100),
      (drawn, q) => {
        const longest = Math.max(...drawn.map(({ change }) => Math.abs(change)))
        assert.ok(Math.abs(after(fair(q), updatesOf(drawn))) <= longest * (1 + 1e-6))
      },
    ),
  )
})

test('without its loss before training a hospital cannot be weighed', () => {
  assert.throws(() => after(fair(1), [{ site: 'a', numExamples: 1, delta: Float32Array.of(1) }]), /WR_INTERNAL/)
})
