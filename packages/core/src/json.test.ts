import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { flawIn, parseJson } from './json.ts'
import { canonicalJson } from './protocol/canonical.ts'

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

test('JSON that nobody could write again is none: half a surrogate pair, an endless number, no end of brackets', () => {
  const refused = [
    '"\\ud800"',
    '{"a":["\\udc00x"]}',
    '{"\\ud800":1}',
    '1e999',
    '[-1e999]',
    nested(101),
    nested(100_000),
  ]
  for (const text of [...refused, '', '{', 'undefined'])
    assert.throws(() => parseJson(text), SyntaxError, text.slice(0, 20))
  for (const text of ['"\\ud83d\\ude00"', '1e308', '{"a":{"b":[null,true,"\\u0000"]}}', nested(99)])
    assert.deepEqual(parseJson(text), JSON.parse(text))
})

test('a flaw is named by its path', () => {
  assert.deepEqual(flawIn({ a: [1, { b: '\ud800' }] }), ['a', '1', 'b'])
  assert.deepEqual(flawIn({ a: { '\ud800': 1 } }), ['a', '\ud800'])
  assert.deepEqual(flawIn(Number.NaN), [])
  assert.equal(flawIn({ a: [1, 'é', null] }), undefined)
})

test('whatever is read has a canonical form', () => {
  const text = fc.oneof(
    fc.json({ stringUnit: 'binary' }),
    fc.json().map((json) => json.replace('a', '\\ud800')),
  )
  fc.assert(
    fc.property(text, (given) => {
      let value: unknown
      try {
        value = parseJson(given)
      } catch (error) {
        assert.ok(error instanceof SyntaxError)
        return
      }
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(given))
    }),
  )
})
