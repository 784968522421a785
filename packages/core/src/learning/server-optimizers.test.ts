/** Strategies that average, each on numbers worked by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { strategyOf } from './strategies.ts'
import { twoRounds } from './testing/rounds.ts'

/** Equal, up to the rounding of Float32. */
const near = (found: readonly number[], wanted: readonly number[]) =>
  // Weights are Float32: half a unit in the last place is 2^-24 of the value.
  wanted.forEach((value, round) => {
    assert.ok(Math.abs((found[round] ?? Number.NaN) - value) <= 2 ** -23 * Math.abs(value), `${found} and ${wanted}`)
  })

test('FedAvg: w ← w + Σ nᵢΔᵢ / Σ nᵢ (McMahan et al. 2017, Algorithm 1)', () => {
  // 1 + 4 = 5; 5 − 2 = 3.
  assert.deepEqual(twoRounds({ fedAvg: { rate: 1 } }), [5, 3])
  // Half of each: 1 + 2 = 3; 3 − 1 = 2.
  assert.deepEqual(twoRounds({ fedAvg: { rate: 0.5 } }), [3, 2])
})

test('FedProx averages like FedAvg and asks the sites for a proximal term (Li et al. 2020, Algorithm 2)', () => {
  assert.deepEqual(twoRounds({ fedProx: { rate: 1, mu: 0.25 } }), [5, 3])
  assert.deepEqual(strategyOf({ fedProx: { rate: 1, mu: 0.25 } }).client, { proximalMu: 0.25 })
  assert.deepEqual(strategyOf({ fedAvg: { rate: 1 } }).client, {})
})

test('FedAvgM: v ← βv + Δ, w ← w + v (Hsu, Qi and Brown 2019, section 4)', () => {
  // v₁ = 4: 1 + 4 = 5. v₂ = 0.5·4 − 2 = 0: 5.
  assert.deepEqual(twoRounds({ fedAvgM: { rate: 1, momentum: 0.5 } }), [5, 5])
  // v₂ = 0.75·4 − 2 = 1; at rate 0.5: 1 + 2 = 3, 3 + 0.5 = 3.5.
  assert.deepEqual(twoRounds({ fedAvgM: { rate: 0.5, momentum: 0.75 } }), [3, 3.5])
})

test('FedAdagrad: v ← v + Δ², w ← w + η·m / (√v + τ) (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 3: v₁ = 9 + 16 = 25, m₁ = 4: step 4 / (5 + 3) = 1/2. v₂ = 25 + 4 = 29, m₂ = −2: step −2 / (√29 + 3).
  near(twoRounds({ fedAdagrad: { rate: 1, beta1: 0, tau: 3 } }), [1.5, 1.5 - 2 / (Math.sqrt(29) + 3)])
  // β₁ = 1/2: m₁ = 2, step 2/8; m₂ = 1 − 1 = 0, no step.
  near(twoRounds({ fedAdagrad: { rate: 1, beta1: 0.5, tau: 3 } }), [1.25, 1.25])
})

test('FedAdam: v ← β₂v + (1 − β₂)Δ², no bias correction (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 2, β₂ = 3/4: v₁ = 3/4·4 + 1/4·16 = 7, m₁ = 1/2·4 = 2: step 2 / (√7 + 2), at rate 1/2 half of it.
  // v₂ = 3/4·7 + 1/4·4 = 25/4, √ = 5/2; m₂ = 1/2·2 + 1/2·(−2) = 0: no step.
  const first = 1 + 1 / (Math.sqrt(7) + 2)
  near(twoRounds({ fedAdam: { rate: 0.5, beta1: 0.5, beta2: 0.75, tau: 2 } }), [first, first])
  // β₁ = 0: m₂ = −2, step ½·(−2) / (5/2 + 2) = −2/9; the first is ½·4 / (√7 + 2).
  const plain = 1 + 2 / (Math.sqrt(7) + 2)
  near(twoRounds({ fedAdam: { rate: 0.5, beta1: 0, beta2: 0.75, tau: 2 } }), [plain, plain - 2 / 9])
})

test('FedYogi: v ← v − (1 − β₂)Δ²·sign(v − Δ²) (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 2, β₂ = 3/4, Δ₁² = 16 > v₀ = 4: v₁ = 4 + 1/4·16 = 8, step 4 / (√8 + 2).
  // Δ₂² = 4 < 8: v₂ = 8 − 1/4·4 = 7, step −2 / (√7 + 2).
  const first = 1 + 4 / (Math.sqrt(8) + 2)
  near(twoRounds({ fedYogi: { rate: 1, beta1: 0, beta2: 0.75, tau: 2 } }), [first, first - 2 / (Math.sqrt(7) + 2)])
  // τ = 4: Δ₁² = v₀ = 16, sign 0: v₁ = 16, step 4 / (4 + 4). v₂ = 16 − 1 = 15, step −2 / (√15 + 4).
  near(twoRounds({ fedYogi: { rate: 1, beta1: 0, beta2: 0.75, tau: 4 } }), [1.5, 1.5 - 2 / (Math.sqrt(15) + 4)])
})
