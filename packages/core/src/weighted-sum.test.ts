import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockLength, sumKernelAt } from './sum-kernel.ts'
import type { Vector } from './vector.ts'
import { addTerms, type Term } from './weighted-sum.ts'
import { workbench } from './workbench.ts'

const bench = workbench(1 << 20)
const kernel = sumKernelAt(bench.begin()(0).buffer)

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
        assert.deepEqual(bytesOf(found), bytesOf(byDefinition(terms, y)))
      }),
      { numRuns: 200 },
    )
  })

/** 0 and −0 are two numbers here. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Vector): Uint8Array =>
  Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength))

test('what is in a workbench is summed there, beside what is not, and nothing around it changes', () => {
  fc.assert(
    fc.property(sums, fc.infiniteStream(fc.boolean()), fc.nat(3), ({ terms, y }, inside, shift) => {
      const take = bench.begin()
      const around: Uint8Array[] = []
      // Not where a group of four begins, and with neighbours on both sides.
      const placed = (vector: Vector): Vector => {
        const sizeBytes = vector.BYTES_PER_ELEMENT
        const bytes = take((vector.length + 8) * sizeBytes).fill(7)
        const place = new (vector instanceof Float64Array ? Float64Array : Float32Array)(
          bytes.buffer,
          bytes.byteOffset + shift * sizeBytes,
          vector.length,
        )
        place.set(vector)
        around.push(bytes.subarray(0, shift * sizeBytes), bytes.subarray(shift * sizeBytes + place.byteLength))
        return place
      }
      const found = placed(y)
      assert.ok(found instanceof Float64Array && sumKernelAt(found.buffer) === kernel)
      const there = terms.map((term) =>
        inside.next().value === true ? { ...term, vector: placed(term.vector) } : term,
      )
      addTerms(there, found)
      assert.deepEqual(bytesOf(found), bytesOf(byDefinition(terms, y)))
      for (const bytes of around) assert.ok(bytes.every((byte) => byte === 7))
      assert.deepEqual(
        there.map(({ vector }) => bytesOf(vector)),
        terms.map(({ vector }) => bytesOf(vector)),
      )
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
