import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { helpWords } from '@wardround/core/words/en/help.ts'
import { testPlan } from '@wardround/site/testing/hospital.ts'
import fc from 'fast-check'
import { changedPlan, type PlanChanges } from './plan-changes.ts'

const original = validatePlan({ ...testPlan, seed: 7, rounds: { ...testPlan.rounds, quorum: 3 } })

const changed = (plan: ParsedStudy, changes: PlanChanges): ParsedStudy => changedPlan(plan, changes, 'simulate')

/** Everything of a plan but one field. */
const without = ({ plan }: Pick<ParsedStudy, 'plan'>, field: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(plan).filter(([name]) => name !== field))

const usage =
  (words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.equal(error.code, 'WR_USAGE')
    assert.match(error.sentences.what, words)
    assert.match(error.sentences.next, /^wardround simulate --help$/)
    return true
  }

test('without changes it is the same plan, with the same hash', () => {
  assert.deepEqual(changed(original, {}), original)
  assert.equal(changed(original, { seed: '7' }).planHash, original.planHash)
})

test('another seed changes the seed, the hash, and nothing else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const other = changed(original, { seed: String(seed) })
      assert.equal(other.study.seed, seed)
      assert.deepEqual(without(other, 'seed'), without(original, 'seed'))
      assert.equal(other.planHash === original.planHash, seed === 7)
    }),
  )
})

test('what is no seed is refused', () => {
  for (const seed of ['', '-1', '1.5', '1e3', 'one', ' 1', '4294967296', '99999999999'])
    assert.throws(() => changed(original, { seed }), usage(/is no seed/), seed)
})

test('every strategy that the help names makes a valid plan of that strategy, and nothing else changes', () => {
  const [, list = ''] = helpWords.options.strategy().split(': ')
  const names = list.split(', ')
  assert.ok(names.length >= 6)
  for (const strategy of names) {
    const other = changed(original, { strategy })
    assert.deepEqual(Object.keys(other.study.strategy), [strategy])
    assert.deepEqual(without(other, 'strategy'), without(original, 'strategy'))
  }
})

test('what is no strategy is refused with a list of those there are', () => {
  for (const strategy of ['fedavg', 'fedSGD', '', 'constructor', '__proto__', 'toString'])
    assert.throws(() => changed(original, { strategy }), usage(/There is no strategy.*fedAvg, fedAvgM/), strategy)
})

test('a quorum that so few hospitals cannot meet becomes their number; any other stays', () => {
  assert.equal(changed(original, { hospitals: 2 }).study.rounds.quorum, 2)
  assert.deepEqual(without(changed(original, { hospitals: 2 }), 'rounds'), without(original, 'rounds'))
  for (const hospitals of [3, 4, 100]) assert.equal(changed(original, { hospitals }).planHash, original.planHash)
  // No quorum means all of them, however many there are.
  const all = validatePlan(testPlan)
  assert.equal(changed(all, { hospitals: 1 }).planHash, all.planHash)
})
