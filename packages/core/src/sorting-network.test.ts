import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Exchange, sortingNetwork } from './sorting-network.ts'

function exchanged(values: readonly number[], exchanges: readonly Exchange[]): number[] {
  const result = [...values]
  for (const [i, j] of exchanges) {
    const [a = 0, b = 0] = [result[i], result[j]]
    result[i] = Math.min(a, b)
    result[j] = Math.max(a, b)
  }
  return result
}

/** By the 0-1 principle (Knuth, section 5.3.4, theorem Z), what sorts all zeros and ones sorts everything. */
const zerosAndOnes = (count: number): number[][] =>
  Array.from({ length: 2 ** count }, (_, bits) => Array.from({ length: count }, (_, k) => (bits >> k) & 1))

test('every rank of up to ten values comes to its place, and so does each range of ranks from a part of the network', () => {
  for (let count = 1; count <= 10; count++)
    for (let from = 0; from < count; from++)
      for (const to of new Set([from + 1, Math.min(count, from + 2), count])) {
        const exchanges = sortingNetwork(count, { from, to })
        for (const values of zerosAndOnes(count))
          assert.deepEqual(
            exchanged(values, exchanges).slice(from, to),
            values.toSorted((a, b) => a - b).slice(from, to),
          )
      }
})

test('its length is as published, and what has no say is left out', () => {
  // Batcher 1968, "Sorting networks and their applications": (p² − p + 4)·2^(p−2) − 1 exchanges of 2^p values.
  for (const p of [2, 3, 4, 5, 8])
    assert.equal(sortingNetwork(2 ** p, { from: 0, to: 2 ** p }).length, (p * p - p + 4) * 2 ** (p - 2) - 1)
  assert.ok(sortingNetwork(32, { from: 15, to: 17 }).length < 191)
  // The smallest of four: two pairs, and the winners.
  assert.equal(sortingNetwork(4, { from: 0, to: 1 }).length, 3)
  assert.deepEqual(sortingNetwork(1, { from: 0, to: 1 }), [])
})
