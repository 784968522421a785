import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aligned, median } from './figures.ts'

test('the median: half of the values on either side, whatever their order', () => {
  assert.equal(median([]), null)
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
      const middle = median(values) ?? Number.NaN
      assert.ok(2 * values.filter((value) => value < middle).length <= values.length)
      assert.ok(2 * values.filter((value) => value > middle).length <= values.length)
    }),
  )
})

test('columns stand under their headings: names to the left, figures to the right', () => {
  const lines = aligned(
    [
      ['system', 'ms'],
      ['a', '1.5'],
      ['longer name', '10'],
    ],
    1,
  )
  assert.deepEqual(lines, ['system        ms', 'a            1.5', 'longer name   10'])
})
