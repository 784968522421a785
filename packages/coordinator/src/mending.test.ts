/** Blobs in a real folder, damaged behind the coordinator's back: with a byte turned, cut short, or gone. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { damages, ended, fetched, inFolder, turn, undisturbed, until, updateOf } from './testing/damage.ts'
import { coded } from './testing/errors.ts'
import { digestsIn, nothingLeft, nothingMissing } from './testing/needs.ts'
import { sha256 } from './testing/requests.ts'
import { failed } from './testing/site.ts'
import { deadlineMs } from './testing/study.ts'

for (const [title, damage] of Object.entries(damages))
  test(`an update with ${title} is asked for again, and the study ends as if nothing had happened`, async () => {
    const wanted = await undisturbed()
    const running = await inFolder()
    const last = await until(running, 'b', { kind: 'train', round: 2 })
    const digest = await updateOf(running, 2, 'a')
    damage(running.fileOf(digest))
    await running.pass(deadlineMs / 2)
    await running.site('b').perform(last, running.usual(last, 'b'))
    await running.coordinator.idle()
    assert.equal((await running.rounds())[1]?.phase, 'aggregating')
    assert.deepEqual((await running.detail()).waitingFor, ['a'])
    await nothingMissing(running.world.store, running.world.blobs)
    const again = await running.site('a').next()
    assert.ok(again?.kind === 'train' && again.round === 2)
    assert.equal(again.expiresAt, running.world.clock.now() + deadlineMs)
    await running.work(running.usual)
    const audited = await running.world.store.auditEntries(0, 1000)
    assert.deepEqual(
      audited.filter(({ kind }) => kind === 'update.damaged').map(({ body }) => body),
      [{ study: running.id, site: 'a', task: again.id }],
    )
    await ended(running, wanted)
  })

test('a site that does not send its damaged update again is late: with a quorum the round goes on without it, else it is abandoned', async () => {
  for (const [quorum, outcome, states] of [
    [1, 'completed partially', ['late', 'contributed']],
    [2, 'abandoned', ['late', 'contributed']],
  ] as const) {
    const running = await inFolder({ rounds: { maximum: 1, quorum } })
    const last = await until(running, 'b', { kind: 'train', round: 1 })
    turn(running.fileOf(await updateOf(running, 1, 'a')), -5)
    await running.pass(deadlineMs / 2)
    await running.site('b').perform(last, running.usual(last, 'b'))
    await running.coordinator.idle()
    await running.pass(deadlineMs - 1)
    assert.deepEqual((await running.detail()).waitingFor, ['a'])
    await running.pass(1)
    await running.work(running.usual)
    const results = await running.results()
    assert.equal(results.outcome, outcome)
    assert.deepEqual(
      results.rounds[0]?.sites.map(({ state }) => state),
      states,
    )
    await nothingLeft(running.world.store, running.world.blobs)
    await running.close()
  }
})

for (const [what, at] of [
  ['the first weights', { kind: 'train', round: 1 }],
  ['weights that are being measured', { kind: 'evaluate', round: 2 }],
] as const)
  for (const [title, damage] of Object.entries(damages))
    test(`${what} with ${title} are made again, with the same bytes, for the first who asks`, async () => {
      const wanted = await undisturbed()
      const running = await inFolder()
      const task = await until(running, 'b', at)
      assert.ok('weights' in task)
      damage(running.fileOf(task.weights.sha256))
      const { status, body } = await fetched(running, 'b', task)
      assert.deepEqual([status, sha256(body)], [200, task.weights.sha256])
      assert.equal(sha256(readFileSync(running.fileOf(task.weights.sha256))), task.weights.sha256)
      await running.work(running.usual)
      await ended(running, wanted)
    })

test('what cannot be made again with the same bytes is not made, and nothing of the attempt stays', async () => {
  const running = await inFolder()
  const { store, blobs } = running.world
  const task = await until(running, 'b', { kind: 'train', round: 1 })
  // Weights that are not those of the plan's seed, as another version may have made them.
  const other = await blobs.put(Buffer.from('the weights of another version'))
  await store.updateRound({ study: running.id, number: 1 }, { weights_in: JSON.stringify(other) })
  await store.keepOnly(running.id, [other])
  await store.updateTask(task.id, { document: JSON.stringify({ ...task, weights: other }) })
  turn(running.fileOf(other.sha256), 0)
  const before = await digestsIn(blobs)
  assert.ok('weights' in task)
  rmSync(running.fileOf(task.weights.sha256))
  assert.equal((await fetched(running, 'b', { ...task, weights: other })).status, 404)
  assert.deepEqual((await running.detail()).lost, [other.sha256])
  assert.deepEqual(
    (await digestsIn(blobs)).toSorted(),
    before.filter((sha256) => sha256 !== task.weights.sha256).toSorted(),
  )
  await running.close()
})

test('a site that could not have its weights, which were made again since, gets its task again, not the blame', async () => {
  const wanted = await undisturbed()
  const running = await inFolder()
  const task = await until(running, 'b', { kind: 'evaluate', round: 1 })
  assert.ok('weights' in task)
  turn(running.fileOf(task.weights.sha256), -5)
  for (let time = 0; time < 2; time++) {
    await running.site('b').perform(task, failed('WR_DIGEST_MISMATCH'))
    assert.equal((await running.site('b').next())?.id, task.id)
  }
  await running.work(running.usual)
  await ended(running, wanted)
})

test('a site that cannot fetch weights that are whole has failed, as before', async () => {
  const running = await inFolder()
  const task = await until(running, 'b', { kind: 'train', round: 2 })
  await running.site('b').perform(task, failed('WR_DIGEST_MISMATCH'))
  assert.equal((await running.world.store.task(task.id))?.state, 'failed')
  await running.close()
})

test('weights that nobody can make again are lost: the study says so and waits, over deadlines, until the file is back', async () => {
  const wanted = await undisturbed()
  const running = await inFolder()
  const task = await until(running, 'b', { kind: 'train', round: 3 })
  assert.ok('weights' in task)
  const digest = task.weights.sha256
  const saved = readFileSync(running.fileOf(digest))
  turn(running.fileOf(digest), -5)
  assert.equal((await fetched(running, 'b', task)).status, 404)
  assert.deepEqual((await running.detail()).lost, [digest])
  const missing = coded('WR_BLOB_MISSING', { sha256: digest })
  await assert.rejects(running.site('b').perform(task, failed('WR_BLOB_MISSING')), missing)
  for (let deadline = 0; deadline < 3; deadline++) {
    await running.pass(deadlineMs)
    const again = await running.site('b').next()
    assert.ok(again !== undefined && again.id === task.id && again.expiresAt === running.world.clock.now() + deadlineMs)
    assert.equal((await running.rounds())[2]?.phase, 'collecting')
  }
  assert.deepEqual((await running.detail()).waitingFor, ['b'])
  // What an administrator does who has a backup.
  writeFileSync(running.fileOf(digest), saved)
  assert.equal((await fetched(running, 'b', task)).status, 200)
  await running.work(running.usual)
  await ended(running, wanted)
})

test("a strategy's state that is lost is said, and the study goes on once it is back", async () => {
  const wanted = await undisturbed()
  const running = await inFolder()
  const last = await until(running, 'b', { kind: 'train', round: 2 })
  const [state] = Object.values(
    JSON.parse((await running.rounds())[0]?.strategy_state ?? '{}') as Record<string, { sha256: string }>,
  )
  const digest = state?.sha256 ?? ''
  const saved = readFileSync(running.fileOf(digest))
  rmSync(running.fileOf(digest))
  await running.site('b').perform(last, running.usual(last, 'b'))
  await running.coordinator.idle()
  assert.deepEqual((await running.detail()).lost, [digest])
  await running.pass(60_000)
  assert.equal((await running.rounds())[1]?.phase, 'aggregating')
  writeFileSync(running.fileOf(digest), saved)
  await running.pass(60_000)
  await running.work(running.usual)
  await ended(running, wanted)
})

test('the best weights that are lost keep the end waiting, not the sites from it', async () => {
  const wanted = await undisturbed()
  const running = await inFolder()
  const task = await until(running, 'b', { kind: 'finish', round: 3 })
  assert.ok('weights' in task)
  const saved = readFileSync(running.fileOf(task.weights.sha256))
  turn(running.fileOf(task.weights.sha256), 20)
  await running.pass(3 * deadlineMs)
  assert.equal((await running.detail()).state, 'finishing')
  assert.deepEqual((await running.detail()).lost, [task.weights.sha256])
  writeFileSync(running.fileOf(task.weights.sha256), saved)
  await running.work(running.usual)
  await ended(running, wanted)
})
