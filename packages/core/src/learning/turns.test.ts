import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { oneAfterAnother } from './turns.ts'

const rounds = (
  order: 'name' | 'shuffled',
  sites: readonly string[],
  { count, seed }: { count: number; seed: number },
) => Array.from({ length: count }, (_, index) => oneAfterAnother(order)(sites, { number: index + 1, seed }).join('+'))

test('in order of name, the sites come round and round', () => {
  assert.deepEqual(rounds('name', ['a', 'b', 'c'], { count: 7, seed: 1 }), ['a', 'b', 'c', 'a', 'b', 'c', 'a'])
})

test('shuffled, each cycle has every site once, in an order of its own that the seed decides', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(), (length, seed) => {
      const sites = Array.from({ length }, (_, index) => `site-${index}`)
      const turns = rounds('shuffled', sites, { count: 3 * length, seed })
      for (const cycle of [0, 1, 2])
        assert.deepEqual(turns.slice(cycle * length, (cycle + 1) * length).toSorted(), sites)
      assert.deepEqual(rounds('shuffled', sites, { count: 3 * length, seed }), turns)
    }),
  )
  const eight = Array.from({ length: 8 }, (_, index) => `site-${index}`)
  const cycles = Array.from({ length: 4 }, (_, cycle) =>
    rounds('shuffled', eight, { count: 32, seed: 1 })
      .slice(8 * cycle, 8 * cycle + 8)
      .join(),
  )
  assert.equal(new Set(cycles).size, 4)
  assert.notDeepEqual(rounds('shuffled', eight, { count: 8, seed: 2 }).join(), cycles[0])
})
