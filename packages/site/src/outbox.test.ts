import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Report } from '@wardround/core/protocol/task.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { createOutbox, pack, send, sha256Of } from './outbox.ts'
import { hospital } from './testing/hospital.ts'

const facts = { numExamples: 10, measurements: { trainingLoss: 0.5 } }
const piece = 4 << 20
const figure: Report = { kind: 'evaluate', on: 'training', figure: null }

/** A site with an open task and an update of a little more than 10 MiB: three pieces. */
async function withUpdate(t: TestContext) {
  const at = await hospital()
  t.after(at.remove)
  const task = at.tasks.train(1)
  await at.coordinator.give(task)
  const { client } = await at.open()
  const data = Float32Array.from({ length: (10 << 20) / 4 }, (_, index) => index % 253)
  const update = encodeUpdate([{ name: 'wide.kernel', shape: [data.length], data }], facts)
  const deliver = () => send(client, task.id, { result: pack({ update: [update] }), waitSeconds: 0 })
  return { at, client, task: task.id, update, deliver, state: at.coordinator.state }
}

test('an update leaves in pieces of 4 MiB, arrives whole, and is the result in itself', async (t) => {
  const { deliver, task, update, state } = await withUpdate(t)
  state.heard.length = 0
  await deliver()
  const sizes = state.heard.filter(({ method }) => method === 'PUT').map(({ sizeBytes }) => sizeBytes)
  assert.deepEqual(sizes, [piece, piece, update.length - 2 * piece])
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
  const announced = { sha256: sha256Of(update), sizeBytes: update.length }
  assert.deepEqual(state.results.get(task), { kind: 'train', update: announced, ...facts })
})

test('after a break the upload goes on where it was, with the same bytes', async (t) => {
  const { deliver, task, update, state } = await withUpdate(t)
  let pieces = 0
  state.fault = ({ method }) => (method === 'PUT' && ++pieces > 1 ? 'lose request' : undefined)
  await assert.rejects(deliver(), { name: 'WardroundError' })
  assert.equal(state.staged.get(task)?.length, piece)
  state.fault = undefined
  state.heard.length = 0
  await deliver()
  assert.deepEqual(
    state.heard.map(({ method }) => method),
    ['GET', 'PUT', 'PUT'],
  )
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
})

test('a piece whose answer was lost is not sent twice over', async (t) => {
  const { deliver, task, update, state } = await withUpdate(t)
  let lost = false
  state.fault = ({ method }) => {
    if (method !== 'PUT' || lost) return undefined
    lost = true
    return 'lose answer'
  }
  await assert.rejects(deliver(), { name: 'WardroundError' })
  await deliver()
  assert.ok(Buffer.from(state.staged.get(task) ?? '').equals(update))
})

test('where all has arrived and the thanks were lost, the thanks are asked for with no more bytes', async (t) => {
  const { deliver, state } = await withUpdate(t)
  let pieces = 0
  state.fault = ({ method }) => (method === 'PUT' && ++pieces === 3 ? 'lose answer' : undefined)
  await assert.rejects(deliver(), { name: 'WardroundError' })
  state.heard.length = 0
  await deliver()
  assert.deepEqual(
    state.heard.map(({ method, sizeBytes }) => [method, sizeBytes]),
    [
      ['GET', 0],
      ['PUT', 0],
    ],
  )
})

test('the next task comes with the thanks', async (t) => {
  const { at, client, deliver } = await withUpdate(t)
  const next = at.tasks.evaluate(1)
  await at.coordinator.give(next)
  const given = await deliver()
  assert.equal(JSON.parse(given?.document ?? '{}').id, next.id)
  assert.equal(await send(client, next.id, { result: pack({ report: figure }), waitSeconds: 0 }), null)
  assert.deepEqual(at.coordinator.state.results.get(next.id), figure)
})

test('a result is found as it was put until it is dropped, by another process too', async (t) => {
  const { at, task, update } = await withUpdate(t)
  for (const result of [pack({ update: [update.subarray(0, 100), update.subarray(100)] }), pack({ report: figure })]) {
    const bytes = result.read(0, result.sizeBytes)
    const put = createOutbox(at.options.disk, at.folder).put(task, result)
    const outbox = createOutbox(at.options.disk, at.folder)
    const found = outbox.find(task)
    for (const kept of [put, found]) {
      assert.deepEqual([kept?.kind, kept?.sizeBytes, kept?.sha256], [result.kind, result.sizeBytes, result.sha256])
      assert.ok(Buffer.from(kept?.read(0, result.sizeBytes) ?? '').equals(bytes))
      for (const [from, sizeBytes] of [
        [90, 20],
        [result.sizeBytes - 5, 20],
        [result.sizeBytes, 20],
        [100, 3],
      ] as const)
        assert.deepEqual(
          [kept, result].map((one) => Buffer.from(one?.read(from, sizeBytes) ?? '')),
          [0, 1].map(() => Buffer.from(bytes.subarray(from, from + sizeBytes))),
        )
    }
    assert.equal(outbox.find('other'), undefined)
    outbox.drop(task, result)
    assert.equal(outbox.find(task), undefined)
    assert.deepEqual(readdirSync(join(at.folder, 'outbox')), [])
    outbox.drop(task, result)
  }
})

test('a file that a power cut has torn, emptied or turned to zeros is no result, and makes way', async (t) => {
  const { at, task } = await withUpdate(t)
  const path = join(at.folder, 'outbox', `${task}.report`)
  const outbox = createOutbox(at.options.disk, at.folder)
  outbox.put(task, pack({ report: figure }))
  const whole = readFileSync(path)
  for (const torn of [whole.subarray(0, -1), whole.subarray(0, 10), Buffer.alloc(0), Buffer.alloc(whole.length)]) {
    writeFileSync(path, torn)
    assert.equal(outbox.find(task), undefined)
    assert.ok(!existsSync(path))
  }
})
