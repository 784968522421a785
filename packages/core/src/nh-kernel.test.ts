import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nhBlockBytes, nhKernelAt, nhStepBytes } from './nh-kernel.ts'
import { workbench } from './workbench.ts'

const take = workbench(nhBlockBytes).begin()
/** A message that is not where the kernel has room for one. */
const elsewhere = take(nhBlockBytes)
const kernel = nhKernelAt(elsewhere.buffer) ?? assert.fail('This platform has no WebAssembly with SIMD.')
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer)

/** RFC 4418, section 5.2.2, with words as this machine reads them; the terms of even and of odd words apart. */
function byDefinition(key: Uint8Array, message: Uint8Array): bigint[] {
  const [k, m] = [words(key), words(message)]
  const sums = [0n, 0n]
  const plus = (i: number): bigint => BigInt(((m[i] ?? 0) + (k[i] ?? 0)) % 2 ** 32)
  for (let i = 0; i < m.length; i += 8)
    for (let lane = 0; lane < 4; lane++)
      sums[lane % 2] = BigInt.asUintN(64, (sums[lane % 2] ?? 0n) + plus(i + lane) * plus(i + lane + 4))
  return sums
}

const random = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** Words that overflow when the key is added, and products that fill 64 bits. */
const extreme = (length: number) =>
  fc.constantFrom(0, 1, 0x7f, 0x80, 0xff).map((byte) => new Uint8Array(length).fill(byte))
const steps = fc.integer({ min: 1, max: 5 }).chain((count) => {
  const length = count * nhStepBytes
  const bytes = fc.oneof(random(length), extreme(length))
  return fc.tuple(bytes, bytes)
})

test('sums are those of the definition', () => {
  fc.assert(
    fc.property(steps, fc.nat(3), ([key, message], skipped) => {
      const position = skipped * nhStepBytes
      const whole = new Uint8Array(nhBlockBytes).fill(7)
      whole.set(key, position)
      for (const place of [kernel.message, elsewhere.subarray(position + 1)]) {
        kernel.use(whole)
        place.set(message)
        kernel.sums.fill(0)
        kernel.add(place.byteOffset, message.length, position)
        const found = new BigUint64Array(kernel.sums.slice().buffer)
        assert.deepEqual([...found], byDefinition(key, message))
      }
    }),
  )
})

test('a block that is added part by part is the block', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(255)), fc.nat(nhBlockBytes / nhStepBytes), (bytes, cut) => {
      const block = Uint8Array.from({ length: nhBlockBytes }, (_, i) => (i * 2_654_435_761) >>> 13)
      block.set([...bytes.take(64)])
      kernel.use(block.toReversed())
      const hashed = (...parts: readonly Uint8Array[]): Uint8Array => {
        let position = 0
        kernel.sums.fill(0)
        for (const part of parts) {
          kernel.message.set(part)
          if (part.length > 0) kernel.add(kernel.message.byteOffset, part.length, position)
          position += part.length
        }
        return kernel.sums.slice()
      }
      const at = cut * nhStepBytes
      assert.deepEqual(hashed(block.subarray(0, at), block.subarray(at)), hashed(block))
    }),
    { numRuns: 20 },
  )
})
