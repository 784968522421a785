import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shorten } from './style.ts'

test('a long name keeps its beginning and its end, and is no longer than there is room', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/), fc.integer({ min: 4, max: 40 }), (name, length) => {
      const short = shorten(name, length)
      if (name.length <= length) assert.equal(short, name)
      else {
        const [start = '', end = ''] = short.split('…')
        assert.equal(short.length, length)
        assert.ok(start.length > 0 && end.length > 0 && name.startsWith(start) && name.endsWith(end))
      }
    }),
  )
  assert.equal(shorten('university-hospital-of-the-north', 12), 'universi…rth')
})
