import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import fc from 'fast-check'
import type { Received } from './blob.ts'
import { subtractReceived } from './change.ts'

/** A file that is read in ranges of `sizeBytes`. */
const received = (bytes: Uint8Array, sizeBytes: number): Received => ({
  sizeBytes: bytes.length,
  filled: false,
  *ranges(_, firstBytes = sizeBytes) {
    for (let from = 0; from < bytes.length; ) {
      const range = bytes.slice(from, from + (from === 0 ? firstBytes : sizeBytes))
      yield range
      from += range.length
    }
  },
})

const near = fc.float({ noNaN: true, min: -8, max: 8 })
const tensors = fc.array(fc.array(fc.tuple(near, near), { maxLength: 9 }), { minLength: 1, maxLength: 5 })

test('what has changed is each difference, wherever the ranges end', () => {
  fc.assert(
    fc.property(tensors, fc.integer({ min: 1, max: 12 }), (drawn, rangeValues) => {
      const weights = (which: 0 | 1): Weights =>
        drawn.map((pairs, index) => ({
          name: `t${index}`,
          shape: [pairs.length],
          data: Float32Array.from(pairs, (pair) => pair[which]),
        }))
      const after = weights(0)
      subtractReceived(after, received(encodeWeights(weights(1)), 4 * rangeValues))
      assert.deepEqual(
        after.map(({ data }) => [...data]),
        drawn.map((pairs) => pairs.map(([a, b]) => Math.fround(a - b))),
      )
    }),
  )
})
