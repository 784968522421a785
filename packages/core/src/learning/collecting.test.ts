import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Study } from '../study/study.ts'
import { collectingOf, latestOf, stalenessFactor } from './collecting.ts'

type Given = Pick<Study, 'strategy' | 'rounds'>
const rounds: Given['rounds'] = { maximum: 5, deadline: '1h' }
const fedAvg: Given['strategy'] = { fedAvg: { rate: 1 } }

test('without a word about late updates they are dropped, and all are waited for', () => {
  const collecting = collectingOf({ strategy: fedAvg, rounds })
  assert.deepEqual([collecting.goal, latestOf(collecting)], [undefined, 0])
})

test('a study that takes late updates says for how many rounds, and for how much less', () => {
  const collecting = collectingOf({ strategy: fedAvg, rounds: { ...rounds, late: { exponent: 0.5, maximum: 4 } } })
  assert.deepEqual([collecting.goal, latestOf(collecting)], [undefined, 4])
  // (1 + s)^(−1/2) (Nguyen et al. 2022, section 5).
  assert.deepEqual(
    [0, 3, 8].map((stale) => stalenessFactor(collecting, stale)),
    [1, 1 / 2, 1 / 3],
  )
})

test('FedBuff waits for as many updates as its buffer holds', () => {
  const staleness = { exponent: 0, maximum: 7 }
  const collecting = collectingOf({ strategy: { fedBuff: { rate: 1, buffer: 3, staleness } }, rounds })
  assert.deepEqual([collecting.goal, latestOf(collecting), stalenessFactor(collecting, 5)], [3, 7, 1])
})
