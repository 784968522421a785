import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { axpy, firstNotFinite, l2Norm, mapped, squareSum, subtract, sum32 } from './vector.ts'

const numbers = fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 50 })

test('sums and differences are those of each coordinate, rounded to Float32 once', () => {
  fc.assert(
    fc.property(numbers, fc.double({ noNaN: true, min: -1e9, max: 1e9 }), (values, shift) => {
      const a = new Float32Array(values)
      const b = Float64Array.from(a, (value) => value / 3 + shift)
      assert.deepEqual(
        [...sum32(a, b)],
        [...a].map((value, index) => Math.fround(value + (b[index] ?? 0))),
      )
      const c = Float32Array.from(b)
      const difference = new Float32Array(a.length)
      subtract(a, c, difference)
      assert.deepEqual(
        [...difference],
        [...a].map((value, index) => Math.fround(value - (c[index] ?? 0))),
      )
    }),
  )
})

test('a vector is mapped as a list is, and stays what it was', () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const x = Float64Array.from(values)
      const before = [...x]
      const f = (value: number, index: number): number => 2 * value - index
      assert.deepEqual([...mapped(x, f)], before.map(f))
      assert.deepEqual([...x], before)
    }),
  )
})

test('by hand: ‖(3, 4)‖ = 5, and y + 2x', () => {
  assert.equal(squareSum(Float32Array.of(3, 4)), 25)
  assert.equal(l2Norm(Float64Array.of(3, 4)), 5)
  assert.equal(l2Norm(Float64Array.of(2, 3), Float32Array.of(6)), 7)
  const y = Float64Array.of(1, 1)
  axpy(2, Float32Array.of(3, -4), y)
  assert.deepEqual([...y], [7, -7])
  assert.equal(squareSum(new Float32Array()), 0)
})

test('the first that is not finite', () => {
  assert.equal(firstNotFinite(Float32Array.of(1, 2)), -1)
  assert.equal(firstNotFinite(Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY)), 1)
  assert.equal(firstNotFinite(Float64Array.of(Number.NEGATIVE_INFINITY)), 0)
  fc.assert(
    fc.property(fc.float32Array({ maxLength: 20 }), (values) => {
      assert.equal(
        firstNotFinite(values),
        [...values].findIndex((value) => !Number.isFinite(value)),
      )
      // Sums of large values are not finite either.
      const large = values.map((value) => (Number.isFinite(value) ? 3e38 : value))
      assert.equal(firstNotFinite(large), firstNotFinite(values))
    }),
  )
})
