import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Place, sharedRoom } from './room.ts'

const limits = { totalBytes: 1 << 20, leastBytes: 1 << 14, mostBytes: 1 << 18 }

test('a few have a lot each, many a little, and who leaves makes room, once', () => {
  const room = sharedRoom(limits)
  const places = Array.from({ length: 100 }, () => room.enter())
  // 2²⁰ among 4 is 2¹⁸, among 5 to 8 2¹⁷, …; among more than 64 it would be less than the least.
  const sizes = [4, 4, 8, 16, 32, 36].flatMap((count, index) =>
    Array.from({ length: count }, () => 2 ** (18 - Math.min(index, 4))),
  )
  assert.deepEqual(
    places.map(({ sizeBytes }) => sizeBytes),
    sizes,
  )
  for (const place of places) place.leave()
  for (const place of places) place.leave()
  assert.equal(room.enter().sizeBytes, 1 << 18)
})

test('whoever comes and goes, nobody has more than the most or less than the least, and all together stay bounded', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -20, max: 40 }), { maxLength: 60 }), (moves) => {
      const room = sharedRoom(limits)
      const inside: Place[] = []
      for (const move of moves) {
        if (move > 0) for (let i = 0; i < move; i++) inside.push(room.enter())
        else for (const place of inside.splice(0, -move)) place.leave()
        const { totalBytes, leastBytes, mostBytes } = limits
        for (const { sizeBytes } of inside) assert.ok(sizeBytes >= leastBytes && sizeBytes <= mostBytes)
        const together = inside.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
        // Whoever came k-th of those inside found at least k − 1 there.
        const harmonic = inside.reduce((sum, _, index) => sum + 1 / (index + 1), 0)
        assert.ok(together <= totalBytes * harmonic + leastBytes * inside.length)
      }
    }),
  )
})
