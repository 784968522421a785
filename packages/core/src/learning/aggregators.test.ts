/** The rules about one coordinate at a time, on numbers worked by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { trimmedOf } from './aggregators.ts'
import { oneRound } from './testing/rounds.ts'

test('median: the middle value, or the mean of the middle two, whatever the sizes (Yin et al. 2018, Definition 1)', () => {
  assert.equal(oneRound({ median: { rate: 1 } }, [7]), 7)
  assert.equal(oneRound({ median: { rate: 1 } }, [1e6, -2, 3]), 3)
  assert.equal(oneRound({ median: { rate: 1 } }, [4, 1, -1e6, 2]), 1.5)
  assert.equal(oneRound({ median: { rate: 0.5 } }, [1e6, -2, 3]), 1.5)
  // −10 < −9 < 2: numbers are in order of size, not of their letters.
  assert.equal(oneRound({ median: { rate: 1 } }, [2, -10, -9]), -9)
})

test('trimmedMean: the mean without ⌊βm⌋ values on either side (Yin et al. 2018, Definition 2)', () => {
  const trimmed = (beta: number): StrategySpec => ({ trimmedMean: { rate: 1, beta } })
  // ⌊0.2·5⌋ = 1: (2 + 3 + 7) / 3 = 4.
  assert.equal(oneRound(trimmed(0.2), [1e6, 2, 7, -1e6, 3]), 4)
  // ⌊0.2·4⌋ = 0: nothing is left out. (1 + 2 + 3 + 6) / 4 = 3.
  assert.equal(oneRound(trimmed(0.2), [1, 6, 2, 3]), 3)
  // ⌊0.4·5⌋ = 2: the median is left.
  assert.equal(oneRound(trimmed(0.4), [1e6, 2, 7, -1e6, 3]), 3)
  assert.equal(oneRound(trimmed(0.49), [5]), 5)
})

test('what fewer sites than a robust rule bears send cannot move a weight beyond what the others sent', () => {
  const honest = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 12 })
  const hostile = fc.infiniteStream(fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true }))
  fc.assert(
    fc.property(honest, hostile, fc.double({ min: 0.05, max: 0.49, noNaN: true }), (values, lies, beta) => {
      const within = (spec: StrategySpec, liars: number): void => {
        const found = oneRound(spec, [...values, ...Array.from({ length: liars }, () => lies.next().value ?? 0)])
        assert.ok(found >= Math.min(...values) && found <= Math.max(...values), `${JSON.stringify(spec)}: ${found}`)
      }
      within({ median: { rate: 1 } }, values.length - 1)
      const most = Array.from({ length: values.length }, (_, count) => count).findLast(
        (count) => trimmedOf(beta, values.length + count) >= count,
      )
      within({ trimmedMean: { rate: 1, beta } }, most ?? 0)
    }),
  )
})
