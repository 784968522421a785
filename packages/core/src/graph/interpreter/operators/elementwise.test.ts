import assert from 'node:assert/strict'
import { test } from 'node:test'
import { erf } from './elementwise.ts'

test('the error function is odd, grows, and ends at 1', () => {
  const places = [0, 1e-3, 0.5, 1, 3, 5.9, 6, 6.1, 30, 1e3, 1e200, Number.POSITIVE_INFINITY]
  const values = places.map(erf)
  for (const [index, value] of values.entries()) {
    assert.ok(value <= 1 + 1e-15 && value >= (values[index - 1] ?? 0) - 1e-15, `${value} at ${places[index]}`)
    assert.ok(erf(-(places[index] ?? 0)) === -value)
  }
  assert.ok(Math.abs(erf(6) - 1) < 1e-14)
  // By the integral's first terms (Abramowitz and Stegun 1964, 7.1.5): x − x³/3.
  assert.ok(Math.abs(erf(1e-3) - (2 / Math.sqrt(Math.PI)) * (1e-3 - 1e-9 / 3)) < 1e-15)
  assert.ok(Number.isNaN(erf(Number.NaN)))
})
