import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { decodeWeights, encodeSafetensors, parseHeader } from '../safetensors.ts'
import { encodeUpdate, updateFacts } from './update.ts'

const weights = [{ name: 'output.kernel', shape: [2, 1], data: Float32Array.of(0.5, -1) }]
const headerOf = (bytes: Uint8Array) => parseHeader(bytes, bytes.length)

/** No name of JavaScript's own: the schema passes over that. */
const names = fc.string({ maxLength: 60 }).filter((name) => name !== '__proto__')

test('an update says how it was made, and its weights are read as any others', () => {
  const facts = fc.record({
    numExamples: fc.integer({ min: 1, max: 2 ** 40 }),
    measurements: fc.dictionary(names, fc.double({ noNaN: true, noDefaultInfinity: true })),
  })
  fc.assert(
    fc.property(facts, ({ numExamples, measurements }) => {
      const given = { numExamples, measurements: { ...measurements } }
      const bytes = encodeUpdate(weights, given)
      // As JSON has it: −0 is 0.
      assert.deepEqual(updateFacts(headerOf(bytes)), JSON.parse(JSON.stringify(given)))
      assert.deepEqual(decodeWeights(bytes, [{ name: 'output.kernel', shape: [2, 1] }]), weights)
      assert.deepEqual(encodeUpdate(weights, given), bytes)
    }),
  )
})

const wrong: Readonly<Record<string, Record<string, string>>> = {
  'no metadata': {},
  'another program’s': { format: 'pt' },
  'no JSON': { wardround: '{' },
  'no object': { wardround: '7' },
  'no records': { wardround: '{"measurements":{},"numExamples":0}' },
  'half a record': { wardround: '{"measurements":{},"numExamples":1.5}' },
  'a measurement that is no number': { wardround: '{"measurements":{"loss":"low"},"numExamples":1}' },
  'an unknown field': { wardround: '{"measurements":{},"numExamples":1,"rows":[]}' },
}

for (const [title, metadata] of Object.entries(wrong))
  test(`an update with ${title} is refused`, () => {
    assert.throws(
      () => updateFacts(headerOf(encodeSafetensors(weights, metadata))),
      (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_INVALID',
    )
  })
