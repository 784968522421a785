import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockLength, sumKernel } from './sum-kernel.ts'
import { addTerms, type Term } from './weighted-sum.ts'

const kernel = sumKernel()

/** Written down as the sum is defined: for each coordinate, one term after another. */
function byDefinition(terms: readonly Term[], y: Float64Array): Float64Array {
  return y.map((value, i) =>
    terms.reduce((sum, { coefficient, vector }) => sum + coefficient * (vector[i] ?? 0), value),
  )
}

/** Lengths on both sides of where blocks, and pairs of pairs of coordinates, end; more vectors than one pass adds; vectors of both kinds. */
const sums = fc
  .record({
    length: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: blockLength - 5, max: 2 * blockLength + 5 })),
    kinds: fc.array(fc.constantFrom('F32', 'F32', 'F32', 'F64'), { maxLength: 11 }),
    coefficients: fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 11, maxLength: 11 }),
    values: fc.array(fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(-0, 0, 1e-45, -1)), {
      minLength: 7,
      maxLength: 13,
    }),
  })
  .map(({ length, kinds, coefficients, values }) => {
    const at = (row: number, i: number): number => (values[(i * (row + 3) + row) % values.length] ?? 0) / (1 + (i % 7))
    const terms = kinds.map((kind, row) => {
      const vector = Float64Array.from({ length }, (_, i) => at(row, i))
      return { coefficient: coefficients[row] ?? 1, vector: kind === 'F64' ? vector : Float32Array.from(vector) }
    })
    return { terms, y: Float64Array.from({ length }, (_, i) => at(11, i)) }
  })

test('the platform of these tests has the kernel', () => {
  assert.ok(kernel !== undefined)
})

for (const [name, given] of [
  ['the kernel', kernel],
  ['the plain loop', null],
] as const)
  test(`${name} gives every bit of the definition`, () => {
    fc.assert(
      fc.property(sums, ({ terms, y }) => {
        const found = Float64Array.from(y)
        addTerms(terms, found, given)
        // As bytes: 0 and −0 are two numbers here.
        assert.deepEqual(new Uint8Array(found.buffer), new Uint8Array(byDefinition(terms, y).buffer))
      }),
      { numRuns: 200 },
    )
  })

test('by hand: three vectors, one of them Float64, on a sum that has begun', () => {
  const y = Float64Array.of(1, -0, 0.5)
  const terms = [
    { coefficient: 2, vector: Float32Array.of(1, 0, 0.25) },
    { coefficient: -1, vector: Float64Array.of(0.5, 0, 1) },
    { coefficient: 4, vector: Float32Array.of(0.125, -1, 2) },
  ]
  addTerms(terms, y)
  assert.deepEqual(y, Float64Array.of(3, -4, 8))
})
