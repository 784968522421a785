/** Tasks that a coordinator asks for again: it lost an update to its disk, or was restored from a backup. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Task } from '@wardround/core/protocol/task.ts'
import { readJournal } from './journal.ts'
import { sha256Of } from './outbox.ts'
import { runTask } from './task.ts'
import { type Hospital, hospital } from './testing/hospital.ts'

/** Gives the tasks one after another, and returns what the coordinator was told of the last. */
async function done(at: Hospital, ...tasks: readonly Task[]) {
  for (const task of tasks) {
    await at.coordinator.give(task)
    const site = await at.open()
    const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
    assert.ok(signed)
    await runTask(site, signed)
  }
  return at.coordinator.state.results.get(tasks.at(-1)?.id ?? '')
}

const uploads = (at: Hospital): number =>
  readJournal(at.options.disk, join(at.folder, 'journal.ndjson')).entries.filter(
    ({ kind, body }) => kind === 'released' && body.what === 'upload',
  ).length

test('a task that is asked for again gives the very same bytes, however long ago it was thanked for, and no others', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  await at.say('approved')
  const { state } = at.coordinator
  const asked = [at.tasks.train(1), at.tasks.evaluate(1), at.tasks.train(2), at.tasks.evaluate(2)]
  await done(at, ...asked)
  const before = new Map(state.results)
  assert.equal(before.size, 4)
  // A coordinator that was restored from a backup of before round 1, and signs anew.
  state.results.clear()
  state.staged.clear()
  state.tasks.length = 0
  await done(at, ...asked.map((task) => ({ ...task, issuedAt: task.issuedAt + 1 })))
  assert.deepEqual(state.results, before)
  // From other records comes another update: it stays here.
  const sent = uploads(at)
  const data = join(at.folder, 'data.csv')
  writeFileSync(data, readFileSync(data, 'utf8').split('\n').slice(0, -3).join('\n'))
  state.results.clear()
  state.tasks.length = 0
  const result = await done(at, at.tasks.train(1))
  assert.ok(result?.kind === 'failed' && result.code === 'WR_ROUND_REPLAYED')
  assert.equal(uploads(at), sent)
})

test('a result that its disk changes on its way is not sent: the task is done again, and gives the very same bytes', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  await at.say('approved')
  const { state } = at.coordinator
  for (const [task, kind] of [
    [at.tasks.train(1), 'update'],
    [at.tasks.evaluate(1), 'report'],
  ] as const) {
    await at.coordinator.give(task)
    const site = await at.open()
    const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
    assert.ok(signed)
    const file = join(at.folder, 'outbox', `${task.id}.${kind}`)
    let put: Buffer | undefined
    // The first try is lost on its way; before the second the disk has changed a bit.
    state.fault = ({ method }) => {
      if (put !== undefined || method === 'GET') return undefined
      put = readFileSync(file)
      writeFileSync(file, put.with(put.length - 1, 0x41))
      return 'lose request'
    }
    await assert.rejects(runTask(site, signed), (error) => (error as { code?: string }).code === 'WR_DISK')
    assert.ok(!state.results.has(task.id) && !existsSync(file))
    await runTask(site, signed)
    const entries = readJournal(at.options.disk, join(at.folder, 'journal.ndjson')).entries
    const digests = entries.flatMap(({ kind: of, body }) =>
      of === 'released' && String(body.path).includes(task.id) ? [body.sha256] : [],
    )
    // Before each of the two tries, and the same.
    assert.deepEqual(digests, [sha256Of(put?.subarray(32) ?? new Uint8Array()), digests[0]])
    assert.ok(state.results.has(task.id))
    await site.close()
  }
})
