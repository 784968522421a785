import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockLength, mostRows, network, sortedRows } from './sorted-rows.ts'

/** All that the door lets through, and more: both zeros, the smallest, infinities. */
const value = fc.oneof(
  fc.float({ noNaN: true }),
  fc.constantFrom(-0, 0, 1e-45, -1e-45, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
)
const run = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: blockLength - 3, max: 2 * blockLength + 3 })),
    count: fc.integer({ min: 1, max: 40 }),
    values: fc.array(value, { minLength: 31, maxLength: 31 }),
    cuts: fc.tuple(fc.nat(), fc.nat()),
  })
  .map(({ length, count, values, cuts }) => {
    const [from = 0, last = 0] = cuts.map((cut) => cut % count).toSorted((a, b) => a - b)
    const vectors = Array.from({ length: count }, (_, row) =>
      Float32Array.from({ length }, (_, i) => values[(i * (row + 3) + 7 * row) % values.length] ?? 0),
    )
    return { vectors, length, ranks: { from, to: last + 1 } }
  })

/** As numbers compare, and −0 before 0. */
const inOrder = (a: number, b: number): number =>
  a < b ? -1 : a > b ? 1 : Number(Object.is(b, -0)) - Number(Object.is(a, -0))

const byDefinition = (vectors: readonly Float32Array[], i: number): number[] =>
  vectors.map((vector) => vector[i] ?? 0).toSorted(inOrder)

for (const [name, kernelOf] of [
  ['the network', network],
  ['one coordinate after another', () => null],
] as const)
  test(`${name}: each coordinate in order, to the bit, whatever ranks are wanted`, () => {
    fc.assert(
      fc.property(run, ({ vectors, length, ranks }) => {
        const before = vectors.map((vector) => [...vector])
        const found = Array.from({ length: ranks.to - ranks.from }, () => new Float32Array(length))
        const kernel = kernelOf(vectors.length, ranks)
        assert.notEqual(kernel, undefined)
        sortedRows(vectors, {
          ranks,
          kernel: kernel ?? null,
          use: (rows, start) => {
            for (const [rank, row] of rows.entries()) found[rank]?.set(row, start)
          },
        })
        for (let i = 0; i < length; i++)
          assert.deepEqual(
            found.map((row) => row[i]),
            byDefinition(vectors, i).slice(ranks.from, ranks.to),
          )
        assert.deepEqual(
          vectors.map((vector) => [...vector]),
          before,
        )
      }),
      { numRuns: 60 },
    )
  })

test('more vectors than a network is made for are sorted all the same', () => {
  const count = mostRows + 1
  assert.equal(network(count, { from: 0, to: 1 }), undefined)
  const vectors = Array.from({ length: count }, (_, row) => Float32Array.of((row * 7) % count))
  const ranks = { from: 100, to: 103 }
  let found: number[] = []
  sortedRows(vectors, {
    ranks,
    use: (rows) => {
      found = rows.map((row) => row[0] ?? Number.NaN)
    },
  })
  assert.deepEqual(found, [100, 101, 102])
})
