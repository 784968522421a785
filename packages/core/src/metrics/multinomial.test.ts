import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../random.ts'
import { binomial, multinomial } from './multinomial.ts'

const draws = 20_000

for (const [n, p] of [
  [1, 0.3],
  [10, 0.5],
  [10, 0.9],
  [200, 0.5],
  [1000, 0.0999],
  [1000, 0.1001],
  [5000, 0.7],
  [2 ** 40, 1e-11],
  [2 ** 40, 0.25],
] as const)
  test(`binomial(${n}, ${p}) has its mean, variance and tails`, () => {
    const random = seededRandom(['binomial', n, p])
    const [mean, sd] = [n * p, Math.sqrt(n * p * (1 - p))]
    const standard = Array.from({ length: draws }, () => (binomial(n, p, random) - mean) / sd)
    const moment = (power: number) => standard.reduce((sum, z) => sum + z ** power, 0) / draws
    // Five standard errors: of a mean 1/√draws, of a variance √((kurtosis − 1)/draws), kurtosis 3 + (1 − 6p(1 − p)) / (np(1 − p)).
    const kurtosis = 3 + (1 - 6 * p * (1 - p)) / (n * p * (1 - p))
    assert.ok(Math.abs(moment(1)) < 5 / Math.sqrt(draws), `mean ${moment(1)}`)
    assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt((kurtosis - 1) / draws) + 1e-9, `variance ${moment(2)}`)
    assert.ok(Math.max(...standard.map(Math.abs)) < 9, 'no draw is beyond belief')
  })

test('small binomials have their exact probabilities', () => {
  // n = 4, p = 1/4: 81, 108, 54, 12 and 1 of 256.
  const random = seededRandom(['exact'])
  const counts = [0, 0, 0, 0, 0]
  for (let i = 0; i < draws; i++) {
    const drawn = binomial(4, 0.25, random)
    counts[drawn] = (counts[drawn] ?? 0) + 1
  }
  const expected = [81, 108, 54, 12, 1].map((share) => (share / 256) * draws)
  const chiSquare = counts.reduce((sum, count, k) => sum + (count - (expected[k] ?? 0)) ** 2 / (expected[k] ?? 1), 0)
  // χ² with 4 degrees of freedom is above 18.5 once in 1,000 streams; this stream is fixed.
  assert.ok(chiSquare < 18.5, `χ² = ${chiSquare}`)
})

test('certain and impossible successes', () => {
  const random = seededRandom(['certain'])
  for (const n of [0, 1, 5, 1000]) assert.deepEqual([binomial(n, 0, random), binomial(n, 1, random)], [0, n])
})

test('a multinomial draws as many as there are, and nothing from an empty cell', () => {
  const counts = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2 ** 40 })), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(counts, fc.string(), (counts, label) => {
      const drawn = multinomial(counts, seededRandom([label]))
      const total = (of: readonly number[]) => of.reduce((sum, count) => sum + count, 0)
      assert.equal(total(drawn), total(counts))
      for (const [cell, count] of drawn.entries()) {
        assert.ok(Number.isSafeInteger(count) && count >= 0)
        if (counts[cell] === 0) assert.equal(count, 0)
      }
    }),
  )
})

test('cells of a multinomial vary and covary as they must', () => {
  const counts = [5, 15, 30]
  const n = 50
  const random = seededRandom(['covariance'])
  const sums = { variance: [0, 0, 0], covariance: 0 }
  for (let i = 0; i < draws; i++) {
    const deviation = multinomial(counts, random).map((drawn, cell) => drawn - (counts[cell] ?? 0))
    deviation.forEach((value, cell) => {
      sums.variance[cell] = (sums.variance[cell] ?? 0) + value ** 2 / draws
    })
    sums.covariance += ((deviation[0] ?? 0) * (deviation[2] ?? 0)) / draws
  }
  // np(1 − p): 4.5, 10.5, 12; −n·p₀·p₂ = −50·0.1·0.6 = −3.
  for (const [cell, wanted] of [4.5, 10.5, 12].entries())
    assert.ok(Math.abs((sums.variance[cell] ?? 0) - wanted) < 0.05 * wanted, `${sums.variance[cell]} and ${wanted}`)
  assert.ok(Math.abs(sums.covariance + 3) < 5 * Math.sqrt((4.5 * 12) / draws + 9 / draws), `${sums.covariance}`)
  assert.equal(
    n,
    counts.reduce((sum, count) => sum + count, 0),
  )
})
