import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { faultyOf, keptOf } from './krum.ts'
import { aggregateOf, cluster } from './testing/robust.ts'

test('Krum by hand: the sum of squared distances to the n − f − 2 nearest others (Blanchard et al. 2017, section 4)', () => {
  // n = 5, f = 1, two neighbours. 0: 1 + 4 = 5. 1: 1 + 1 = 2. 2: 1 + 4 = 5 (0 and 1; 4.5 is 6.25 away). 4.5: 6.25 + 12.25. 100: far.
  assert.deepEqual(aggregateOf({ krum: { rate: 1 } }, [[4.5], [0], [100], [2], [1]]), [1])
  // With f = 0 of the same five, three neighbours: 0: 1 + 4 + 20.25. 1: 1 + 1 + 12.25 = 14.25. 2: 1 + 4 + 6.25 = 11.25.
  // The schema has no f = 0; four updates bear nobody, and have two neighbours each. 0: 1 + 9. 1: 1 + 4 = 5. 3: 4 + 9. 100: far.
  assert.deepEqual(aggregateOf({ krum: { rate: 1, faulty: 1 } }, [[3], [100], [0], [1]]), [1])
})

test('Multi-Krum by hand: the mean of the m best scores', () => {
  const updates = [[4.5], [0], [100], [2], [1]]
  // Scores, above: 1 has 2, 0 and 2 have 5 each, 4.5 has 18.5. m = n − f − 2 = 2: of equal scores the first, 0. (1 + 0) / 2.
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1 } }, updates), [0.5])
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1, keep: 3 } }, updates), [1])
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1, keep: 4 } }, updates), [1.875])
  // m = 1 is Krum, m = n the mean (the paper).
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1, keep: 1 } }, updates), [1])
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1, keep: 5 } }, updates), [21.5])
  assert.deepEqual(aggregateOf({ multiKrum: { rate: 1, keep: 99 } }, updates), [21.5])
})

test('how many may be wrong, and how many are kept', () => {
  assert.deepEqual(
    [1, 2, 4, 5, 6, 7, 20].map((sites) => faultyOf(undefined, sites)),
    [0, 0, 0, 1, 1, 2, 8],
  )
  assert.deepEqual(
    [1, 4, 5, 7, 20].map((sites) => faultyOf(2, sites)),
    [0, 0, 1, 2, 2],
  )
  assert.deepEqual(
    [1, 2, 3, 5, 7].map((sites) => keptOf(undefined, sites, faultyOf(undefined, sites))),
    [1, 1, 1, 2, 3],
  )
})

test('Krum picks an update, whatever they are', () => {
  const updates = fc.array(
    fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 2 }),
    {
      minLength: 1,
      maxLength: 9,
    },
  )
  fc.assert(
    fc.property(updates, (updates) => {
      const found = aggregateOf({ krum: { rate: 1 } }, updates)
      assert.ok(
        updates.some((update) => update.every((value, k) => value === found[k])),
        String(found),
      )
    }),
  )
})

test('of n ≥ 2f + 3 with f that lie alike or apart, only honest updates are picked and averaged', () => {
  fc.assert(
    fc.property(cluster({ least: (liars) => liars + 3 }), ({ updates, liars, honest, spread }) => {
      const specs: StrategySpec[] = [
        { krum: { rate: 1, faulty: liars } },
        { krum: { rate: 1 } },
        { multiKrum: { rate: 1, faulty: liars } },
      ]
      for (const spec of specs) {
        const found = aggregateOf(spec, updates)
        for (const [k, value] of found.entries()) {
          const column = honest.map((update) => update[k] ?? 0)
          assert.ok(value >= Math.min(...column) && value <= Math.max(...column), `${JSON.stringify(spec)} ${spread}`)
        }
      }
    }),
  )
})
