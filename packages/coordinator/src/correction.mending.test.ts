/** What sites correct their gradients by, damaged behind the coordinator's back. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Task } from '@wardround/core/protocol/task.ts'
import { damages, ended, type Folder, fetchedBlob, inFolder, undisturbed, until } from './testing/damage.ts'
import { deadlineMs, type PlanChange } from './testing/study.ts'

const corrected: PlanChange = { strategy: { scaffold: {} }, rounds: { maximum: 3 } }

/** Of a train task under SCAFFOLD: the common variate as it is fetched, and what it was made of. */
async function variateOf(running: Folder, task: Task) {
  assert.ok(task.kind === 'train')
  const common = task.correction?.common?.sha256 ?? assert.fail('no common variate')
  const state = JSON.parse((await running.rounds())[task.round - 2]?.strategy_state ?? '{}')
  assert.equal(state.common.sha256, common)
  return { common, source: String(state['aggregator/variate'].sha256) }
}

for (const [title, damage] of Object.entries(damages))
  test(`a common variate with ${title} is made again for the site that asks for it`, async () => {
    const wanted = await undisturbed(corrected)
    const running = await inFolder(corrected)
    const task = await until(running, 'b', { kind: 'train', round: 3 })
    const { common } = await variateOf(running, task)
    const whole = readFileSync(running.fileOf(common))
    damage(running.fileOf(common))
    const answer = await fetchedBlob(running, 'b', common)
    assert.equal(answer.status, 200)
    assert.deepEqual(Buffer.from(answer.body), whole)
    await running.work(running.usual)
    await ended(running, wanted)
  })

test('a common variate that is lost with what it was made of: the site’s time begins anew until it is back', async () => {
  const wanted = await undisturbed(corrected)
  const running = await inFolder(corrected)
  const task = await until(running, 'b', { kind: 'train', round: 3 })
  const { common, source } = await variateOf(running, task)
  const saved = [common, source].map((digest) => [digest, readFileSync(running.fileOf(digest))] as const)
  for (const [digest] of saved) rmSync(running.fileOf(digest))
  assert.equal((await fetchedBlob(running, 'b', common)).status, 404)
  assert.deepEqual((await running.detail()).lost, [common])
  await running.pass(2 * deadlineMs)
  assert.equal((await running.rounds())[2]?.phase, 'collecting')
  assert.deepEqual((await running.detail()).waitingFor, ['b'])
  // What it was made of is enough.
  for (const [digest, bytes] of saved.slice(1)) writeFileSync(running.fileOf(digest), bytes)
  assert.equal((await fetchedBlob(running, 'b', common)).status, 200)
  await running.work(running.usual)
  await ended(running, wanted)
})
