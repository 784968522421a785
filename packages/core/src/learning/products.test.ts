import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addProducts,
  distancesTo,
  finishProducts,
  type ProductNeeds,
  productOf,
  squaredDistance,
  startProducts,
} from './products.ts'

/** Products of whole vectors, handed over in ranges that end before each of `cuts`. */
function productsOf(vectors: readonly Float32Array[], needs: ProductNeeds = 'products', cuts: readonly number[] = []) {
  const sums = startProducts(vectors.length, needs)
  const length = vectors[0]?.length ?? 0
  const ends = [...cuts.filter((cut) => cut < length).toSorted((a, b) => a - b), length]
  for (const [index, end] of ends.entries()) {
    const start = ends[index - 1] ?? 0
    addProducts(
      sums,
      vectors.map((vector) => vector.subarray(start, end)),
      start,
    )
  }
  return finishProducts(sums)
}

/** Vectors of a few blocks, of numbers whose sums round. */
const vectors = fc
  .record({
    count: fc.integer({ min: 1, max: 5 }),
    length: fc.integer({ min: 1, max: 10_000 }),
    first: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ count, length, first }) =>
    Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length }, (_, k) => Math.sin((row + 1) * first + k) * 3 ** (k % 5)),
    ),
  )

test('where the ranges are cut changes no bit', () => {
  fc.assert(
    fc.property(vectors, fc.array(fc.nat(10_000), { maxLength: 6 }), (vectors, cuts) => {
      assert.deepEqual(productsOf(vectors, 'products', cuts), productsOf(vectors))
      assert.deepEqual(productsOf(vectors, 'norms', cuts), productsOf(vectors, 'norms'))
    }),
    { numRuns: 30 },
  )
})

test('products are those of BigInt arithmetic where nothing rounds, each pair both ways; norms are their diagonal', () => {
  const whole = (row: number, k: number): number => (((row + 2) * k * 7919 + row) % 2001) - 1000
  const rows = Array.from({ length: 5 }, (_, row) => Float32Array.from({ length: 9001 }, (_, k) => whole(row, k)))
  const products = productsOf(rows)
  const norms = productsOf(rows, 'norms')
  for (const [i, a] of rows.entries())
    for (const [j, b] of rows.entries()) {
      const exact = Number(a.reduce((sum, value, k) => sum + BigInt(value) * BigInt(b[k] ?? 0), 0n))
      assert.equal(productOf(products, i, j), exact)
      assert.equal(productOf(norms, i, j), i === j ? exact : Number.NaN)
    }
})

test('the error of a product is within the bound that products.ts names', () => {
  // 2³⁰ and 2²⁰ ones: one running sum of squares would lose all ones after 2⁶⁰; here only the block of the large number does.
  const length = 1 << 20
  const large = new Float32Array(length).fill(1)
  large[0] = 2 ** 30
  const found = productOf(productsOf([large]), 0, 0)
  const exact = 2 ** 60 + length - 1
  assert.ok(Math.abs(found - exact) <= (4096 + length / 4096) * 2 ** -53 * exact)
})

test('distances: by hand, of equal vectors exactly 0, and unharmed by an enormous one', () => {
  const products = productsOf([
    Float32Array.of(3, 0),
    Float32Array.of(0, 4),
    Float32Array.of(3, 0),
    Float32Array.of(1e30, -1e30),
  ])
  assert.equal(squaredDistance(products, 0, 1), 25)
  assert.equal(squaredDistance(products, 0, 2), 0)
  // v = ½(3, 0) + ½(0, 4) = (1.5, 2): 2.5 from both.
  const [first, second] = distancesTo(products, [0.5, 0.5, 0, 0], 2)
  assert.deepEqual([first, second], [2.5, 2.5])
  // v = (3, 0) + 10⁻³⁰·(10³⁰, −10³⁰) = (4, −1): √2 from the first, √(16 + 25) from the second, √2·10³⁰ from the last.
  const near = distancesTo(products, [1, 0, 0, 1e-30], 4)
  for (const [index, distance] of [Math.SQRT2, Math.sqrt(41), Math.SQRT2, Math.SQRT2 * 1e30].entries())
    assert.ok(Math.abs((near[index] ?? Number.NaN) - distance) <= 1e-6 * distance, `${index}: ${near[index]}`)
})

test('a distance is as exact as products.ts says, in any direction and at any scale', () => {
  const value = fc.integer({ min: -1000, max: 1000 })
  const point = fc.array(value, { minLength: 3, maxLength: 3 })
  const scale = fc.constantFrom(1e-30, 1e-3, 1, 1e3, 1e30)
  const weight = fc.double({ min: -2, max: 2, noNaN: true })
  fc.assert(
    fc.property(fc.array(fc.tuple(point, scale, weight), { minLength: 1, maxLength: 5 }), (rows) => {
      const points = rows.map(([point, scale]) => Float32Array.from(point, (value) => value * scale))
      const weights = rows.map(([, , weight]) => weight)
      const v = [0, 1, 2].map((k) => points.reduce((sum, point, i) => sum + (weights[i] ?? 0) * (point[k] ?? 0), 0))
      const size = points.reduce((sum, point, i) => sum + Math.abs(weights[i] ?? 0) * Math.hypot(...point), 0)
      for (const [i, distance] of distancesTo(productsOf(points), weights, points.length).entries()) {
        const point = points[i] ?? new Float32Array(3)
        const exact = Math.hypot(...v.map((value, k) => value - (point[k] ?? 0)))
        assert.ok(Math.abs(distance - exact) <= 1e-6 * (Math.hypot(...point) + size), `${distance} and ${exact}`)
      }
    }),
  )
})
