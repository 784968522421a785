import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { approvedPlans } from './approvals.ts'
import { hospital } from './testing/hospital.ts'

test('what an approval comes to is worked out once, and again when a byte of its files is another', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  await at.say('approved')
  const site = await at.open()
  let verified = 0
  const ed25519: typeof site.ed25519 = {
    ...site.ed25519,
    verify: (...given) => {
      verified += 1
      return site.ed25519.verify(...given)
    },
  }
  const approvedPlan = approvedPlans({ ...site, ed25519 })
  const refusal = (planHash = at.planHash): string | undefined => {
    try {
      assert.equal(approvedPlan(at.study, planHash).name, 'small')
      return undefined
    } catch (error) {
      return error instanceof WardroundError ? error.code : String(error)
    }
  }
  assert.deepEqual([refusal(), refusal(), verified], [undefined, undefined, 1])
  assert.deepEqual(
    [refusal('f'.repeat(64)), refusal(), refusal(), verified],
    ['WR_PLAN_ALTERED', undefined, undefined, 3],
  )
  for (const [name, from, to, code] of [
    ['plan.json', '"epochs": 1', '"epochs": 2', 'WR_PLAN_ALTERED'],
    ['grant.json', 'budapest', 'budapesT', 'WR_SIGNATURE_INVALID'],
  ] as const) {
    const file = join(at.folder, 'studies', at.study, name)
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace(from, to))
    assert.deepEqual([refusal(), refusal()], [code, code])
    writeFileSync(file, before)
    assert.deepEqual([refusal(), refusal()], [undefined, undefined])
  }
  assert.equal(verified, 9)
  await at.say('refused')
  assert.equal(refusal(), 'WR_NOT_APPROVED')
  await site.close()
})
