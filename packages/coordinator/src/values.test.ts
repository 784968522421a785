/** Values that pass: however the file is cut, what is said of them is what reading it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSafetensors } from '@wardround/core/safetensors.ts'
import fc from 'fast-check'
import { coded } from './testing/errors.ts'
import { passingValues, requirePlausible } from './values.ts'

const fileOf = (values: readonly number[], metadata?: Readonly<Record<string, string>>): Uint8Array =>
  encodeSafetensors([{ name: 'w', shape: [values.length], data: Float32Array.from(values) }], metadata)

function isPlausible(file: Uint8Array, cuts: readonly number[]): boolean {
  const passing = passingValues()
  const at = [0, ...cuts.map((cut) => cut % (file.length + 1)), file.length].toSorted((a, b) => a - b)
  // Each piece in memory of its own, which may begin anywhere.
  for (const [index, end] of at.slice(1).entries()) passing.update(file.slice(at[index], end))
  return passing.plausible()
}

const plain = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1, max: 1 })
const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e30, -2e30)

test('values are plausible however the file is cut, and one that is not shows wherever it stands', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 12 })
  fc.assert(
    fc.property(
      fc.array(plain, { maxLength: 40 }),
      fc.record({ odd: fc.option(odd), place: fc.nat() }),
      cuts,
      (values, { odd, place }, at) => {
        const all = odd === null ? values : values.toSpliced(place % (values.length + 1), 0, odd)
        assert.equal(isPlausible(fileOf(all, { n: 'x'.repeat(place % 9) }), at), odd === null)
      },
    ),
    { numRuns: 1000 },
  )
})

test('1e30 is the end of what is plausible', () => {
  // Float32 around it: its nearest is above it.
  const next = Float32Array.of(1e30)
  const [bits = 0] = new Uint32Array(next.buffer)
  const largest = new Float32Array(Uint32Array.of(bits - 1).buffer)
  assert.ok((largest[0] ?? 0) < 1e30 && (next[0] ?? 0) > 1e30)
  assert.deepEqual([isPlausible(fileOf([...largest]), []), isPlausible(fileOf([...next]), [])], [true, false])
  requirePlausible(largest)
  assert.throws(() => requirePlausible(next), coded('WR_WEIGHTS_INVALID'))
  assert.throws(() => requirePlausible(Float32Array.of(0, Number.NaN)), coded('WR_WEIGHTS_NOT_FINITE'))
})

test('nothing is said of what is no such file, or not all of it', () => {
  const file = fileOf([1, 2, 3])
  for (const bytes of [
    new Uint8Array(),
    file.subarray(0, 7),
    file.subarray(0, 20),
    file.subarray(0, -1),
    new Uint8Array(100),
    new Uint8Array(100).fill(0xff),
  ])
    assert.equal(isPlausible(bytes, []), false)
})
