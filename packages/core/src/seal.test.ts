import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nhBlockBytes } from './nh-kernel.ts'
import type { Entropy } from './ports.ts'
import { seededRandom } from './random.ts'
import { type Sealing, sealing } from './seal.ts'
import { workbench } from './workbench.ts'

function testEntropy(label: string): Entropy {
  const random = seededRandom([label])
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.below(256))
}

const start = sealing(testEntropy('seals')) ?? assert.fail('This platform has no WebAssembly with SIMD.')
const other = sealing(testEntropy('other seals')) ?? assert.fail()

function sealOf(sealing: Sealing, ...parts: readonly Uint8Array[]): string {
  const seal = sealing()
  for (const part of parts) seal.update(part)
  return seal.digest()
}

/** Lengths on both sides of where steps and blocks end. */
const length = fc.oneof(
  fc.nat(100),
  fc.integer({ min: nhBlockBytes - 40, max: nhBlockBytes + 40 }),
  fc.nat(3 * nhBlockBytes),
)
const made = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 2_654_435_761) >>> 24)

test('the same bytes have the same seal, however they are cut, and whatever is sealed beside them', () => {
  fc.assert(
    fc.property(length, fc.nat(), fc.array(fc.nat(), { maxLength: 6 }), (length, seed, cuts) => {
      const whole = made(length, seed)
      const edges = [0, ...cuts.map((cut) => cut % (length + 1)).toSorted((a, b) => a - b), length]
      const [one, two] = [start(), start()]
      for (const [index, end] of edges.slice(1).entries()) {
        one.update(whole.subarray(edges[index], end))
        two.update(whole.subarray(edges[index], end).toReversed())
      }
      assert.equal(one.digest(), sealOf(start, whole))
    }),
    { numRuns: 60 },
  )
})

test('bytes in a workbench have the same seal, whoever sealed there before', () => {
  const bench = workbench(3 * nhBlockBytes)
  fc.assert(
    fc.property(length, fc.nat(40), fc.nat(), (length, shift, cut) => {
      const whole = made(length, cut)
      const there = bench
        .begin()(length + shift)
        .subarray(shift)
      there.set(whole)
      sealOf(other, there)
      const at = cut % (length + 1)
      assert.equal(sealOf(start, there.subarray(0, at), whole.subarray(at)), sealOf(start, whole))
      assert.equal(sealOf(start, whole.subarray(0, at), there.subarray(at)), sealOf(start, whole))
    }),
    { numRuns: 60 },
  )
})

test('a bit turned anywhere, a byte lost or added, two blocks in the other order: another seal', () => {
  fc.assert(
    fc.property(length, fc.nat(), fc.nat(), (length, seed, at) => {
      const whole = made(length + 1, seed)
      const turned = Uint8Array.from(whole)
      const index = at % turned.length
      turned[index] = (turned[index] ?? 0) ^ (1 << (seed % 8))
      const seal = sealOf(start, whole)
      assert.notEqual(sealOf(start, turned), seal)
      assert.notEqual(sealOf(start, whole.subarray(1)), seal)
      assert.notEqual(sealOf(start, whole.subarray(0, -1)), seal)
      assert.notEqual(sealOf(start, whole, Uint8Array.of(0)), seal)
    }),
    { numRuns: 60 },
  )
  const [a, b] = [made(nhBlockBytes, 1), made(nhBlockBytes, 2)]
  assert.notEqual(sealOf(start, a, b), sealOf(start, b, a))
  assert.notEqual(sealOf(start, new Uint8Array(64)), sealOf(start, new Uint8Array(96)))
})

test('under another key it is another seal', () => {
  for (const length of [1, 32, nhBlockBytes, 3 * nhBlockBytes + 5])
    assert.notEqual(sealOf(start, made(length, 3)), sealOf(other, made(length, 3)))
})
