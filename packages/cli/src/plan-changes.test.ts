import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { helpWords } from '@wardround/core/words/en/help.ts'
import { testPlan } from '@wardround/site/testing/hospital.ts'
import fc from 'fast-check'
import { changedPlan } from './plan-changes.ts'

const original = validatePlan({ ...testPlan, seed: 7, rounds: { ...testPlan.rounds, quorum: 3 } })

/** Everything of a plan but one field. */
const without = ({ plan }: Pick<ParsedStudy, 'plan'>, field: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(plan).filter(([name]) => name !== field))

const usage =
  (words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.equal(error.code, 'WR_USAGE')
    assert.match(error.sentences.what, words)
    return true
  }

test('without changes it is the same plan, with the same hash', () => {
  assert.deepEqual(changedPlan(original, {}), original)
  assert.equal(changedPlan(original, { seed: '7' }).planHash, original.planHash)
})

test('another seed changes the seed, the hash, and nothing else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const changed = changedPlan(original, { seed: String(seed) })
      assert.equal(changed.study.seed, seed)
      assert.deepEqual(without(changed, 'seed'), without(original, 'seed'))
      assert.equal(changed.planHash === original.planHash, seed === 7)
    }),
  )
})

test('what is no seed is refused', () => {
  for (const seed of ['', '-1', '1.5', '1e3', 'one', ' 1', '4294967296', '99999999999'])
    assert.throws(() => changedPlan(original, { seed }), usage(/is no seed/), seed)
})

test('every strategy that the help names makes a valid plan of that strategy, and nothing else changes', () => {
  const [, list = ''] = helpWords.options.strategy().split(': ')
  const names = list.split(', ')
  assert.ok(names.length >= 6)
  for (const strategy of names) {
    const changed = changedPlan(original, { strategy })
    assert.deepEqual(Object.keys(changed.study.strategy), [strategy])
    assert.deepEqual(without(changed, 'strategy'), without(original, 'strategy'))
  }
})

test('what is no strategy is refused with a list of those there are', () => {
  for (const strategy of ['fedavg', 'fedSGD', '', 'constructor', '__proto__', 'toString'])
    assert.throws(() => changedPlan(original, { strategy }), usage(/There is no strategy.*fedAvg, fedAvgM/), strategy)
})

test('a quorum that so few hospitals cannot meet becomes their number; any other stays', () => {
  assert.equal(changedPlan(original, { hospitals: 2 }).study.rounds.quorum, 2)
  assert.deepEqual(without(changedPlan(original, { hospitals: 2 }), 'rounds'), without(original, 'rounds'))
  for (const hospitals of [3, 4, 100]) assert.equal(changedPlan(original, { hospitals }).planHash, original.planHash)
  // No quorum means all of them, however many there are.
  const all = validatePlan(testPlan)
  assert.equal(changedPlan(all, { hospitals: 1 }).planHash, all.planHash)
})
