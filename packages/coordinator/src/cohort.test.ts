/** Rounds whose late updates count later, and rounds that do not wait for all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closed } from './testing/closed.ts'
import { coded } from './testing/errors.ts'
import { honest, lastingWorld, type Running, startedStudy } from './testing/federation.ts'
import type { Behaviour } from './testing/site.ts'
import { deadlineMs, firstWeights, updateBytes } from './testing/study.ts'

/** Each site's update is a power of two, so that sums tell who was in them. */
const size: Readonly<Record<string, number>> = { a: 1, b: 2, c: 4 }
const delta = (_: number, site: string): number => size[site] ?? 0

const silentFor =
  (usual: Behaviour, site: string): Behaviour =>
  (task, name) =>
    task.kind === 'train' && name === site ? 'silent' : usual(task, name)

const partsOf = async (running: Running, round: number): Promise<string[] | undefined> => {
  const results = await running.results()
  return results.rounds[round - 1]?.sites.map(
    ({ site, state, stale }) => `${site} ${state}${stale === undefined ? '' : ` ${stale}`}`,
  )
}

/** By how much a round changed each weight; every one by the same. */
async function changeOf(running: Running, round: number): Promise<number> {
  const rows = await running.rounds()
  const [before, after] = [
    await running.weightsOf(rows[round - 1]?.weights_in ?? null),
    await running.weightsOf(rows[round - 1]?.weights_out ?? null),
  ]
  const changes = [...after].map((weight, i) => weight - (before[i] ?? Number.NaN))
  assert.ok(changes.every((change) => Math.abs(change - (changes[0] ?? Number.NaN)) < 1e-5))
  return changes[0] ?? Number.NaN
}

/** Weights are sums of Float32 below 16. */
const near = (found: number, wanted: number): void =>
  assert.ok(Math.abs(found - wanted) < 1e-5, `${found} is not ${wanted}`)

test('what is late counts in a later round, for less, once; its site goes on with it meanwhile', async () => {
  const late = { exponent: 1, maximum: 3 }
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 3, quorum: 2, late } }, await lastingWorld())
  const usual = honest(running.parsed, { delta })
  await running.work(silentFor(usual, 'c'))
  const slow = running.site('c')
  const task = await slow.next()
  assert.ok(task?.kind === 'train')
  // It may take until the last round that it may count in.
  assert.equal(task.expiresAt - task.issuedAt, deadlineMs * 4)
  await running.pass(deadlineMs)
  await running.work(silentFor(usual, 'c'))
  // Round 1 is over, and round 2 has begun without another task for c.
  assert.equal((await running.rounds()).length, 2)
  assert.equal((await slow.next())?.id, task.id)
  await slow.perform(task, { update: updateBytes(running.parsed, new Float32Array(7).fill(4)) })
  await running.work(usual)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.contributed], ['completed', ['a', 'b', 'c']])
  assert.deepEqual(await partsOf(running, 1), ['a contributed', 'b contributed', 'c working'])
  assert.deepEqual(await partsOf(running, 2), ['a contributed', 'b contributed', 'c contributed 1'])
  assert.deepEqual(await partsOf(running, 3), ['a contributed', 'b contributed', 'c contributed'])
  near(await changeOf(running, 1), (1 + 2) / 2)
  // One round late: (1 + 1)^−1 of it.
  near(await changeOf(running, 2), (1 + 2 + 4 / 2) / 3)
  near(await changeOf(running, 3), (1 + 2 + 4) / 3)
  await closed(running)
})

test('what is too late even for that is dropped, and its site is asked anew', async () => {
  const running = await startedStudy(
    ['a', 'b', 'c'],
    {
      rounds: { maximum: 3, quorum: 2, late: { maximum: 1 } },
    },
    await lastingWorld(),
  )
  const usual = honest(running.parsed, { delta })
  await running.work(silentFor(usual, 'c'))
  const slow = running.site('c')
  const task = await slow.next()
  assert.ok(task?.kind === 'train')
  for (const round of [1, 2]) {
    assert.equal((await running.rounds()).length, round)
    await running.pass(deadlineMs)
    await running.work(silentFor(usual, 'c'))
  }
  // Round 3 has begun; what started in round 1 would be two rounds late.
  await assert.rejects(
    slow.perform(task, { update: updateBytes(running.parsed, new Float32Array(7).fill(4)) }),
    coded('WR_TASK_CLOSED', { task: task.id }),
  )
  await running.work(usual)
  assert.deepEqual(await partsOf(running, 2), ['a contributed', 'b contributed', 'c working'])
  assert.deepEqual(await partsOf(running, 3), ['a contributed', 'b contributed', 'c contributed'])
  near(await changeOf(running, 2), (1 + 2) / 2)
  await closed(running)
})

test('FedBuff: a round is over with its K updates, which count alike whatever their sizes, and nobody waits for the slowest', async () => {
  const strategy = { fedBuff: { buffer: 2, staleness: { exponent: 1 } } }
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 3 }, strategy }, await lastingWorld())
  const usual = honest(running.parsed, { delta, numExamples: (site) => ({ a: 1, b: 1000 })[site] ?? 20 })
  const started = running.world.clock.now()
  const slow = running.site('c')
  // c prepares, and then says nothing until the third round has begun.
  await slow.work(usual)
  const rounds = async (): Promise<number> => (await running.rounds()).length
  for (let turn = 0; turn < 50 && (await rounds()) < 3; turn++) {
    for (const name of ['a', 'b']) {
      await running.coordinator.idle()
      if ((await rounds()) < 3) await running.site(name).work(usual)
    }
    await running.coordinator.idle()
  }
  const task = await slow.next()
  assert.ok(task?.kind === 'train' && task.round === 1)
  await slow.perform(task, { update: updateBytes(running.parsed, new Float32Array(7).fill(4)) })
  await running.site('a').work(usual)
  await running.coordinator.idle()
  // b has not come, and is not waited for.
  const third = (await running.rounds())[2]
  assert.equal(third?.phase, 'evaluating')
  await running.work(usual)
  assert.equal(running.world.clock.now(), started)
  assert.deepEqual(await partsOf(running, 1), ['a contributed', 'b contributed', 'c working'])
  assert.deepEqual(await partsOf(running, 3), ['a contributed', 'b working', 'c contributed 2'])
  near(await changeOf(running, 1), (1 + 2) / 2)
  near(await changeOf(running, 3), (1 + 4 / 3) / 2)
  assert.equal((await running.results()).outcome, 'completed')
  await closed(running)
})

test('below its quorum a round with late updates is abandoned at the deadline too, and what still runs is closed', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 3, quorum: 2, late: {} } })
  const usual = honest(running.parsed, { delta })
  const oneOnly: Behaviour = (task, site) => (task.kind === 'train' && site !== 'a' ? 'silent' : usual(task, site))
  await running.work(oneOnly)
  await running.pass(deadlineMs)
  await running.work(oneOnly)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause], ['abandoned', 'quorum lost'])
  assert.deepEqual(await partsOf(running, 1), ['a contributed', 'b late', 'c late'])
  assert.deepEqual(await running.world.store.openTasks(results.studyId), [])
  assert.equal(JSON.parse((await running.rounds())[0]?.weights_in ?? '{}').sha256, results.weightsSha256)
  assert.equal(firstWeights(running.parsed).length, 7)
  await closed(running)
})

test('whoever still works on a round when rounds are over stops, and is asked for the comparison', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 1 }, strategy: { fedBuff: { buffer: 2 } } })
  const usual = honest(running.parsed, { delta })
  await running.work((task, site) => (task.kind === 'evaluate' ? 'silent' : silentFor(usual, 'c')(task, site)))
  // A site gets its oldest task first.
  await running.pass(1)
  await running.work(silentFor(usual, 'c'))
  const results = await running.results()
  assert.deepEqual([results.outcome, results.contributed], ['completed partially', ['a', 'b']])
  assert.deepEqual(await partsOf(running, 1), ['a contributed', 'b contributed', 'c working'])
  assert.deepEqual(
    results.sites.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
  await closed(running)
})
