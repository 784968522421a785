import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { adjustmentsOf } from './logit-adjustment.ts'

test('τ times the logarithm of (n_k + 1) / (n + classes), also of a class that is not there', () => {
  const target = Float32Array.of(2, 0, 2, 2, 2)
  assert.deepEqual(
    adjustmentsOf(0.5, { target, classes: 3 }),
    Float32Array.from([2 / 8, 1 / 8, 5 / 8], (share) => Math.log(share) / 2),
  )
})

test('shares add up to 1; of what there is as much of, each has as much', () => {
  const labels = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 })
  fc.assert(
    fc.property(labels, fc.constantFrom(0.5, 1, 2), (values, tau) => {
      const found = [...adjustmentsOf(tau, { target: Float32Array.from(values), classes: 4 })]
      assert.ok(Math.abs(found.reduce((sum, one) => sum + Math.exp(one / tau), 0) - 1) < 1e-5)
      const counts = found.map((_, label) => values.filter((value) => value === label).length)
      for (const [a, one] of found.entries())
        for (const [b, other] of found.entries()) {
          const [more, fewer] = [counts[a] ?? 0, counts[b] ?? 0]
          assert.equal(Math.sign(one - other), Math.sign(more - fewer))
        }
    }),
  )
})
