import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import fc from 'fast-check'
import { judgeRelease, minimumCohortOf, type Policy, type Release, releaseKinds } from './policy.ts'
import { requireAllowed } from './release.ts'

const open: Policy = { minimumCohort: 10, releases: releaseKinds }
const update: Release = {
  kind: 'updates',
  study: 'heart',
  round: 3,
  patients: 100,
  values: [Float32Array.of(1), Float32Array.of(-2)],
}

test('what the policy lists may leave, and each rule has its own reason', () => {
  const cases: [string | undefined, Release, Policy, number][] = [
    [undefined, update, open, 5],
    ['kind', update, { ...open, releases: ['statistics', 'evaluations'] }, 5],
    ['kind', update, { ...open, releases: [] }, 5],
    ['study', update, { ...open, studies: ['lungs'] }, 5],
    [undefined, update, { ...open, studies: ['lungs', 'heart'] }, 5],
    ['study', update, { ...open, studies: [] }, 5],
    ['cohort', { ...update, patients: 9 }, open, 5],
    [undefined, { ...update, patients: 10 }, open, 5],
    ['cohort', { ...update, patients: 10 }, open, 11],
    [undefined, { ...update, patients: null }, open, 1000],
    ['rounds', update, { ...open, maximumRounds: 2 }, 5],
    [undefined, update, { ...open, maximumRounds: 3 }, 5],
    ['notFinite', { ...update, values: [Float32Array.of(1), Float32Array.of(2, Number.NaN)] }, open, 5],
    ['notFinite', { ...update, values: [Float32Array.of(Number.NEGATIVE_INFINITY)] }, open, 5],
  ]
  for (const [reason, release, policy, studyMinimum] of cases) {
    assert.equal(judgeRelease(release, policy, studyMinimum)?.reason, reason, JSON.stringify([release, policy]))
  }
})

test('a study can only be stricter: whatever it says, nothing leaves that the hospital alone would keep', () => {
  const policies = fc.record({
    minimumCohort: fc.integer({ min: 1, max: 50 }),
    releases: fc.subarray([...releaseKinds]),
    maximumRounds: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    studies: fc.option(fc.subarray(['heart', 'lungs']), { nil: undefined }),
  })
  const releases = fc.record({
    kind: fc.constantFrom(...releaseKinds),
    study: fc.constantFrom('heart', 'lungs'),
    round: fc.integer({ min: 0, max: 30 }),
    patients: fc.option(fc.integer({ min: 0, max: 60 })),
  })
  fc.assert(
    fc.property(releases, policies, fc.integer({ min: 1, max: 60 }), (release, policy, studyMinimum) => {
      if (judgeRelease(release, policy, 1) !== undefined)
        assert.notEqual(judgeRelease(release, policy, studyMinimum), undefined)
      assert.ok(minimumCohortOf(policy, studyMinimum) >= policy.minimumCohort)
    }),
  )
})

test('each refusal is an error of its own, with a reason for people', () => {
  const refused = (release: Release, policy: Policy): WardroundError => {
    try {
      requireAllowed(release, policy, 5)
    } catch (error) {
      assert.ok(error instanceof WardroundError)
      return error
    }
    return assert.fail('it was let out')
  }
  assert.doesNotThrow(() => requireAllowed(update, open, 5))
  const kind = refused(update, { ...open, releases: [] })
  assert.equal(kind.code, 'WR_EGRESS_REFUSED')
  assert.ok(kind.sentences.why.length > 10)
  assert.equal(refused({ ...update, patients: 1 }, open).code, 'WR_COHORT_TOO_SMALL')
  assert.equal(refused({ ...update, values: [Float32Array.of(Number.NaN)] }, open).code, 'WR_WEIGHTS_NOT_FINITE')
})
