import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { productKernelAt } from '../product-kernel.ts'
import type { Vector } from '../vector.ts'
import { workbench } from '../workbench.ts'
import {
  addProducts,
  distancesTo,
  finishProducts,
  type ProductNeeds,
  productOf,
  squaredDistance,
  startProducts,
} from './products.ts'

type How = { readonly needs?: ProductNeeds; readonly cuts?: readonly number[]; readonly kernel?: boolean }

/** Products of whole vectors, handed over in ranges that end before each of `cuts`. */
function productsOf(vectors: readonly Vector[], { needs = 'products', cuts = [], kernel = true }: How = {}) {
  const sums = startProducts(vectors.length, needs)
  const length = vectors[0]?.length ?? 0
  const ends = [...cuts.filter((cut) => cut < length).toSorted((a, b) => a - b), length]
  for (const [index, end] of ends.entries()) {
    const start = ends[index - 1] ?? 0
    addProducts(
      sums,
      vectors.map((vector) => vector.subarray(start, end)),
      { start, kernel },
    )
  }
  return finishProducts(sums)
}

/** Vectors of a few blocks, of numbers whose sums round. */
const vectors = fc
  .record({
    count: fc.integer({ min: 1, max: 9 }),
    length: fc.integer({ min: 1, max: 10_000 }),
    first: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ count, length, first }) =>
    Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length }, (_, k) => Math.sin((row + 1) * first + k) * 3 ** (k % 5)),
    ),
  )

/** Low to high in each 4,096 coordinates, then over these. */
function byDefinition(a: Vector, b: Vector): number {
  let sum = 0
  for (let from = 0; from < a.length; from += 4096) {
    let open = 0
    for (let k = from; k < Math.min(a.length, from + 4096); k++) open += (a[k] ?? 0) * (b[k] ?? 0)
    sum += open
  }
  return sum
}

for (const kernel of [true, false])
  test(`${kernel ? 'by the kernel' : 'in plain loops'}, of updates and a vector of Float64, every bit is that of the definition`, () => {
    fc.assert(
      fc.property(vectors, fc.nat(10_000), (updates, cut) => {
        const all = [...updates, Float64Array.from(updates[0] ?? [], (value, k) => value / 3 - k)]
        const [products, norms] = [
          productsOf(all, { cuts: [cut], kernel }),
          productsOf(all, { needs: 'norms', kernel }),
        ]
        for (const [i, a] of all.entries()) {
          assert.equal(productOf(norms, i, i), byDefinition(a, a))
          for (const [j, b] of all.entries()) assert.equal(productOf(products, i, j), byDefinition(a, b))
        }
      }),
      { numRuns: 30 },
    )
  })

test('the platform of these tests has the kernel', () => {
  assert.ok(productKernelAt(workbench(0).begin()(0).buffer) !== undefined)
})

test('where the ranges are cut changes no bit', () => {
  fc.assert(
    fc.property(vectors, fc.array(fc.nat(10_000), { maxLength: 6 }), (vectors, cuts) => {
      assert.deepEqual(productsOf(vectors, { cuts }), productsOf(vectors))
      assert.deepEqual(productsOf(vectors, { needs: 'norms', cuts }), productsOf(vectors, { needs: 'norms' }))
    }),
    { numRuns: 30 },
  )
})

test('products are those of BigInt arithmetic where nothing rounds, each pair both ways; norms are their diagonal', () => {
  const whole = (row: number, k: number): number => (((row + 2) * k * 7919 + row) % 2001) - 1000
  const rows = Array.from({ length: 5 }, (_, row) => Float32Array.from({ length: 9001 }, (_, k) => whole(row, k)))
  const products = productsOf(rows)
  const norms = productsOf(rows, { needs: 'norms' })
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
