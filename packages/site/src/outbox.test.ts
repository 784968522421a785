import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Report } from '@wardround/core/protocol/task.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { createOutbox, sha256Of } from './outbox.ts'
import { hospital } from './testing/hospital.ts'

const atOnce = { waitSeconds: 0 }
const facts = { numExamples: 10, measurements: { trainingLoss: 0.5 } }
const piece = 4 << 20

/** A site with an open task and an update of a little more than 10 MiB: three pieces. */
async function withUpdate(t: TestContext) {
  const at = await hospital()
  t.after(at.remove)
  const task = at.tasks.train(1)
  await at.coordinator.give(task)
  const { client } = await at.open()
  const data = Float32Array.from({ length: (10 << 20) / 4 }, (_, index) => index % 253)
  const update = encodeUpdate([{ name: 'wide.kernel', shape: [data.length], data }], facts)
  const outbox = createOutbox(at.folder)
  outbox.put(task.id, { update })
  return { at, client, task: task.id, update, state: at.coordinator.state }
}

test('an update leaves in pieces of 4 MiB, arrives whole, and is the result in itself', async (t) => {
  const { at, client, task, update, state } = await withUpdate(t)
  state.heard.length = 0
  await createOutbox(at.folder).deliver(client, task, atOnce)
  const sizes = state.heard.filter(({ method }) => method === 'PUT').map(({ sizeBytes }) => sizeBytes)
  assert.deepEqual(sizes, [piece, piece, update.length - 2 * piece])
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
  const announced = { sha256: sha256Of(update), sizeBytes: update.length }
  assert.deepEqual(state.results.get(task), { kind: 'train', update: announced, ...facts })
})

test('after a break the upload goes on where it was, with the same bytes', async (t) => {
  const { at, client, task, update, state } = await withUpdate(t)
  let pieces = 0
  state.fault = ({ method }) => (method === 'PUT' && ++pieces > 1 ? 'lose request' : undefined)
  await assert.rejects(createOutbox(at.folder).deliver(client, task, atOnce), { name: 'WardroundError' })
  assert.equal(state.staged.get(task)?.length, piece)
  state.fault = undefined
  state.heard.length = 0
  await createOutbox(at.folder).deliver(client, task, atOnce)
  assert.deepEqual(
    state.heard.map(({ method }) => method),
    ['GET', 'PUT', 'PUT'],
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
  await assert.rejects(outbox.deliver(client, task, atOnce), { name: 'WardroundError' })
  await outbox.deliver(client, task, atOnce)
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
})

test('where all has arrived and the thanks were lost, the thanks are asked for with no more bytes', async (t) => {
  const { at, client, task, state } = await withUpdate(t)
  let pieces = 0
  state.fault = ({ method }) => (method === 'PUT' && ++pieces === 3 ? 'lose answer' : undefined)
  const outbox = createOutbox(at.folder)
  await assert.rejects(outbox.deliver(client, task, atOnce), { name: 'WardroundError' })
  state.heard.length = 0
  await outbox.deliver(client, task, atOnce)
  assert.deepEqual(
    state.heard.map(({ method, sizeBytes }) => [method, sizeBytes]),
    [
      ['GET', 0],
      ['PUT', 0],
    ],
  )
})

test('the next task comes with the thanks', async (t) => {
  const { at, client, task } = await withUpdate(t)
  const next = at.tasks.evaluate(1)
  await at.coordinator.give(next)
  const given = await createOutbox(at.folder).deliver(client, task, atOnce)
  assert.equal(JSON.parse(given?.document ?? '{}').id, next.id)
  const report: Report = { kind: 'evaluate', on: 'training', figure: null }
  const outbox = createOutbox(at.folder)
  outbox.put(next.id, { report })
  assert.equal(await outbox.deliver(client, next.id, atOnce), null)
  assert.deepEqual(at.coordinator.state.results.get(next.id), report)
})

test('a result is kept until it is dropped', async (t) => {
  const { at, task } = await withUpdate(t)
  const outbox = createOutbox(at.folder)
  assert.ok(outbox.has(task) && !outbox.has('other'))
  const path = join(at.folder, 'outbox', `${task}.safetensors`)
  writeFileSync(`${path}.new`, readFileSync(path).subarray(0, 20))
  outbox.put(task, { update: new Uint8Array(4) })
  assert.ok(!existsSync(`${path}.new`))
  outbox.drop(task)
  assert.ok(!outbox.has(task) && !existsSync(path))
  outbox.drop(task)
})

test('nothing to deliver is no error; a damaged result is one of ours', async (t) => {
  const { at, client } = await withUpdate(t)
  const outbox = createOutbox(at.folder)
  assert.equal(await outbox.deliver(client, 'other', atOnce), null)
  writeFileSync(join(at.folder, 'outbox', 'torn.json'), '{"kind":"evaluate"}')
  await assert.rejects(
    outbox.deliver(client, 'torn', atOnce),
    (error) => error instanceof WardroundError && error.code === 'WR_CONFIG',
  )
})
