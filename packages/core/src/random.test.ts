import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { permutation, seededRandom } from './random.ts'

/** xoshiro128** once more, from its authors' C, with BigInt words: independent of the Int32 tricks of random.ts. */
function reference(labels: readonly (string | number)[], draws: number): number[] {
  const digest = createHash('sha256').update(JSON.stringify(labels)).digest()
  const mask = 0xffffffffn
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask
  const s = [0, 4, 8, 12].map((at) => BigInt(digest.readUInt32LE(at))) as [bigint, bigint, bigint, bigint]
  s[3] |= 1n
  return Array.from({ length: draws }, () => {
    const result = (rotl((s[1] * 5n) & mask, 7n) * 9n) & mask
    const t = (s[1] << 9n) & mask
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 11n)
    return Number(result)
  })
}

test('the stream is xoshiro128** seeded by SHA-256 of the labels', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), (labels) => {
      const random = seededRandom(labels)
      assert.deepEqual(Array.from({ length: 50 }, random.uint32), reference(labels, 50))
    }),
    { numRuns: 30 },
  )
})

test('draws below a bound are uniform', () => {
  const random = seededRandom(['chi-square'])
  const counts = new Array<number>(7).fill(0)
  for (let i = 0; i < 70_000; i++) {
    const draw = random.below(7)
    counts[draw] = (counts[draw] ?? 0) + 1
  }
  // χ² with 6 degrees of freedom is above 22.5 once in 1,000 streams; this stream is fixed.
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
  assert.ok(chiSquare < 22.5, `χ² = ${chiSquare}`)
})

test('a permutation holds every index once, and another label gives another one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.string(), (length, label) => {
      const order = permutation(length, seededRandom([label]))
      assert.deepEqual(
        [...order].toSorted((a, b) => a - b),
        Array.from({ length }, (_, i) => i),
      )
    }),
  )
  assert.notDeepEqual(permutation(50, seededRandom(['a'])), permutation(50, seededRandom(['b'])))
})

test('uniform draws fit Float32 exactly and lie in [0, 1)', () => {
  const random = seededRandom(['uniform'])
  for (let i = 0; i < 1000; i++) {
    const draw = random.uniform()
    assert.ok(draw >= 0 && draw < 1 && Math.fround(draw) === draw)
  }
})
