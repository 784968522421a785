import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Task } from '@wardround/core/protocol/task.ts'
import { decodeWeights, flatten } from '@wardround/core/safetensors.ts'
import { memoryBlobs } from './blobs/memory.ts'
import { asWeights } from './correction.ts'
import { closed } from './testing/closed.ts'
import { coded } from './testing/errors.ts'
import { honest, lastingWorld, startedStudy } from './testing/federation.ts'
import { specsOf } from './testing/study.ts'

const bytesOf = (values: readonly number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer)
const specs = [
  { name: 'kernel', shape: [2, 2] },
  { name: 'bias', shape: [1] },
]

test('a vector of state as a weights file: rounded once, the same however it is cut', async () => {
  const blobs = memoryBlobs()
  const values = [1, 1 / 3, -(2 ** -40), 1e30, -0.1]
  const vector = await blobs.put(bytesOf(values))
  const whole = await asWeights(blobs, { vector, specs })
  for (const length of [1, 2, 4]) assert.deepEqual(await asWeights(blobs, { vector, specs }, length), whole)
  const weights = decodeWeights(await blobs.read(whole.sha256), specs)
  assert.deepEqual(flatten(weights), Float32Array.from(values))
})

test('one that is not what its name says is not passed on', async () => {
  const blobs = memoryBlobs()
  const { sha256, sizeBytes } = await blobs.put(bytesOf([1, 2, 3, 4, 5]))
  const other = await blobs.put(bytesOf([1, 2, 3, 4, 6]))
  const damaged = { ...blobs, reader: () => blobs.reader(other.sha256) }
  for (const length of [2, 8])
    await assert.rejects(
      asWeights(damaged, { vector: { sha256, sizeBytes }, specs }, length),
      coded('WR_BLOB_MISSING', { sha256 }),
    )
})

test('each site is told after which round its update counted last, and all of them the common variate', async () => {
  const running = await startedStudy(
    ['a', 'b'],
    { strategy: { scaffold: {} }, rounds: { maximum: 4, quorum: 1 } },
    await lastingWorld(),
  )
  const given = new Map<string, Extract<Task, { kind: 'train' }>['correction']>()
  const usual = honest(running.parsed, { delta: (round, site) => (site === 'a' ? 6 : 12) / round })
  const behaviour: typeof usual = (task, site) => {
    if (task.kind === 'train') given.set(`${task.round} ${site}`, task.correction)
    return task.kind === 'train' && task.round === 2 && site === 'b' ? 'silent' : usual(task, site)
  }
  await running.work(behaviour)
  const [alarm = 0] = running.world.clock.alarms()
  await running.pass(alarm - running.world.clock.steadyNow())
  await running.work(behaviour)
  const since = [...given].map(([part, correction]) => `${part}: ${correction?.since}`).toSorted()
  assert.deepEqual(since, ['1 a: 0', '1 b: 0', '2 a: 1', '2 b: 1', '3 a: 2', '3 b: 1', '4 a: 3', '4 b: 3'])
  // Twenty records are three steps of eight. −½·(6 + 12)/3; then ½·(−3) − ½·3/3, as b was asked and is late; then −½·(2 + 4)/3.
  const variates = [undefined, -3, -2, -1]
  for (const [index, variate] of variates.entries())
    for (const site of ['a', 'b']) {
      const common = given.get(`${index + 1} ${site}`)?.common
      const bytes = common && (await running.world.blobs.read(common.sha256))
      const flat = bytes && flatten(decodeWeights(bytes, specsOf(running.parsed)))
      assert.deepEqual(
        flat,
        variate === undefined ? undefined : new Float32Array(7).fill(variate),
        `${index + 1} ${site}`,
      )
    }
  await closed(running)
})

test('under FedDyn there is nothing common to be told', async () => {
  const running = await startedStudy(['a'], { strategy: { fedDyn: { alpha: 0.1 } }, rounds: { maximum: 2 } })
  const usual = honest(running.parsed)
  const given: unknown[] = []
  await running.work((task, site) => {
    if (task.kind === 'train') given.push(task.correction)
    return usual(task, site)
  })
  assert.deepEqual(given, [{ since: 0 }, { since: 1 }])
  await closed(running)
})

test('a strategy without corrections has none in its tasks', async () => {
  const running = await startedStudy(['a'], { strategy: { fedAvgM: {} }, rounds: { maximum: 2 } })
  const usual = honest(running.parsed)
  let trained = 0
  await running.work((task, site) => {
    if (task.kind === 'train') {
      trained += 1
      assert.ok(!('correction' in task))
    }
    return usual(task, site)
  })
  assert.equal(trained, 2)
  await closed(running)
})
