import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { TaskResult } from '@wardround/core/protocol/task.ts'
import { createOutbox, sha256Of } from './outbox.ts'
import { hospital } from './testing/hospital.ts'

/** A site with an open task and a 10 MiB update: three pieces. */
async function withUpdate(t: TestContext) {
  const at = await hospital()
  t.after(at.remove)
  const task = at.tasks.train(1)
  await at.coordinator.give(task)
  const { client } = await at.open()
  const update = Uint8Array.from({ length: 10 << 20 }, (_, index) => index % 253)
  const result: TaskResult = {
    kind: 'train',
    update: { sha256: sha256Of(update), sizeBytes: update.length },
    numExamples: 10,
    measurements: {},
  }
  const outbox = createOutbox(at.folder)
  outbox.put(task.id, result, update)
  return { at, client, task: task.id, update, result, state: at.coordinator.state }
}

test('an update leaves in pieces of 4 MiB, and arrives whole', async (t) => {
  const { at, client, task, update, state, result } = await withUpdate(t)
  state.heard.length = 0
  await createOutbox(at.folder).deliver(client, task)
  const sizes = state.heard.filter(({ method }) => method === 'PUT').map(({ sizeBytes }) => sizeBytes)
  assert.deepEqual(sizes, [4 << 20, 4 << 20, 2 << 20])
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
  assert.deepEqual(state.results.get(task), result)
})

test('after a break the upload goes on where it was, with the same bytes', async (t) => {
  const { at, client, task, update, state } = await withUpdate(t)
  let pieces = 0
  state.fault = ({ method }) => (method === 'PUT' && ++pieces > 1 ? 'lose request' : undefined)
  await assert.rejects(createOutbox(at.folder).deliver(client, task), { name: 'WardroundError' })
  assert.equal(state.staged.get(task)?.length, 4 << 20)
  state.fault = undefined
  state.heard.length = 0
  await createOutbox(at.folder).deliver(client, task)
  assert.deepEqual(
    state.heard.map(({ method }) => method),
    ['GET', 'PUT', 'PUT', 'POST'],
  )
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
})

test('a piece whose answer was lost is not sent twice over', async (t) => {
  const { at, client, task, update, state } = await withUpdate(t)
  let lost = false
  state.fault = ({ method }) => {
    if (method !== 'PUT' || lost) return undefined
    lost = true
    return 'lose answer'
  }
  const outbox = createOutbox(at.folder)
  await assert.rejects(outbox.deliver(client, task), { name: 'WardroundError' })
  await outbox.deliver(client, task)
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
})

test('a result is there only with its update, is kept until dropped, and survives a torn write', async (t) => {
  const { at, task, result } = await withUpdate(t)
  const outbox = createOutbox(at.folder)
  assert.ok(outbox.has(task) && !outbox.has('other'))
  assert.deepEqual(outbox.result(task), result)
  const path = join(at.folder, 'outbox', `${task}.json`)
  writeFileSync(`${path}.new`, readFileSync(path, 'utf8').slice(0, 20))
  assert.deepEqual(createOutbox(at.folder).result(task), result)
  outbox.put(task, result, new Uint8Array(4))
  assert.ok(!existsSync(`${path}.new`))
  outbox.drop(task)
  assert.ok(!outbox.has(task) && !existsSync(path.replace('.json', '.safetensors')))
  outbox.drop(task)
})

test('nothing to deliver is no error; a damaged result is one of ours', async (t) => {
  const { at, client, task } = await withUpdate(t)
  const outbox = createOutbox(at.folder)
  await outbox.deliver(client, 'other')
  writeFileSync(join(at.folder, 'outbox', `${task}.json`), '{"kind":"train"}')
  assert.throws(
    () => outbox.result(task),
    (error) => error instanceof WardroundError && error.code === 'WR_CONFIG',
  )
})
