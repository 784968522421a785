import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { canonicalJson, canonicalMembers, canonicalObject, planHash, sha256Hex } from './canonical.ts'

test("RFC 8785, section 3.2.2 and 3.2.3: the standard's own example", () => {
  const given = {
    // biome-ignore lint/correctness/noPrecisionLoss: the standard's example is there to show the rounding
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: "€$\u000f\u000aA'\u0042\u0022\u005c\\\u0022/",
    literals: [null, true, false],
  }
  const expected =
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
    '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
  assert.equal(canonicalJson(given), expected)
})

test('the order of keys and the way a document was written do not change its hash', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).toReversed())
      assert.equal(planHash(reversed), planHash(value))
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('an object put together from canonical members is the canonical object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (value) => {
      assert.equal(canonicalObject(canonicalMembers(value)), canonicalJson(value))
    }),
  )
})

test('any change of a value changes the hash', () => {
  assert.notEqual(planHash({ epochs: 5 }), planHash({ epochs: 6 }))
})

test('FIPS 180-4: SHA-256 of "abc"', () => {
  assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('what is not JSON is refused', () => {
  for (const value of [undefined, Number.NaN, { a: ['\ud800'] }, { a: Number.POSITIVE_INFINITY }])
    assert.throws(
      () => canonicalJson(value),
      (error) => error instanceof WardroundError && error.code === 'WR_INTERNAL',
    )
})
