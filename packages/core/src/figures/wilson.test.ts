import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wilson } from './wilson.ts'

/** Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3. */
const published = [
  { hits: 81, n: 263, low: 0.2553, high: 0.3662 },
  { hits: 15, n: 148, low: 0.0624, high: 0.1605 },
  { hits: 0, n: 20, low: 0, high: 0.1611 },
  { hits: 1, n: 29, low: 0.0061, high: 0.1718 },
]

for (const { hits, n, low, high } of published) {
  test(`${hits} of ${n} as published`, () => {
    const interval = wilson(hits, n)
    assert.equal(interval.low.toFixed(4), low.toFixed(4))
    assert.equal(interval.high.toFixed(4), high.toFixed(4))
  })
}

test('its ends are the shares that the score test just does not reject', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5000 }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (n, part) => {
      const hits = Math.min(n - 1, Math.max(1, Math.round(part * n)))
      for (const share of Object.values(wilson(hits, n))) {
        const score = Math.abs(hits / n - share) / Math.sqrt((share * (1 - share)) / n)
        assert.ok(Math.abs(score - 1.959963984540054) < 1e-6)
      }
    }),
  )
})

test('none and all of n mirror each other', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (n) => {
      const [none, all] = [wilson(0, n), wilson(n, n)]
      assert.ok(none.low >= 0 && none.low < 1e-12)
      assert.ok(all.high <= 1 && all.high > 1 - 1e-12)
      assert.ok(Math.abs(none.high - (1 - all.low)) < 1e-12)
    }),
  )
})
