import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Disk } from '@wardround/core/ports.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { dropCheckpoint, taskCheckpoints } from './checkpoint.ts'
import { realDisk } from './real-disk.ts'
import type { Dataset } from './training/messages.ts'

const form = {
  parts: 5,
  specs: [
    { name: 'a.kernel', shape: [2, 2] },
    { name: 'steps', shape: [] },
  ],
}
const task: Task = {
  version: 1,
  id: 'heart-1-train-3-budapest',
  kind: 'train',
  study: 'heart-1',
  planHash: 'a'.repeat(64),
  site: 'budapest',
  expiresAt: 1,
  round: 3,
  bestRound: 1,
  weights: { sha256: 'b'.repeat(64), sizeBytes: 100 },
  preparationHash: 'c'.repeat(64),
  preparation: { columns: [], normalise: 'global', contributors: [] },
} as unknown as Task
const data: Dataset = { features: Float32Array.of(1, 2), rows: 2, width: 1, target: Float32Array.of(0, 1) }

function place(t: TestContext, disk: Disk = realDisk()) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-checkpoint-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const study = join(folder, 'studies', 'heart-1')
  mkdirSync(study, { recursive: true })
  const said: string[] = []
  const site = { disk, folder, version: '1', log: (level: string, text: string) => void said.push(`${level} ${text}`) }
  return { site, said, study, file: join(study, 'checkpoint') }
}

const passing = (done: number, ...values: number[]) => ({
  done,
  losses: Array.from({ length: done }, (_, part) => 1 / (part + 3)),
  async *values() {
    // In the same memory, as they come from a trainer.
    const memory = new Float32Array(2)
    for (let at = 0; at < values.length; at += 2) {
      memory.set(values.slice(at, at + 2))
      yield new Uint8Array(memory.buffer, 0, 4 * Math.min(2, values.length - at))
    }
  },
})

test('what was kept last is found by the same task, again and again', async (t) => {
  const { site, said } = place(t)
  const checkpoints = taskCheckpoints(site, { task, data })
  assert.equal(checkpoints.find(form), undefined)
  await checkpoints.keep(passing(1, 9, 9, 9, 9, 9))
  await checkpoints.keep(passing(2, 1, 2, 3, 4, 5))
  const wanted = {
    done: 2,
    losses: [1 / 3, 1 / 4],
    carried: [
      { name: 'a.kernel', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      { name: 'steps', shape: [], data: Float32Array.of(5) },
    ],
  }
  for (const site2 of [site, { ...site }]) assert.deepEqual(taskCheckpoints(site2, { task, data }).find(form), wanted)
  assert.ok(said.every((text) => text === 'info going on after 2 of 5 epochs or steps that were done before'))
})

const others: Readonly<Record<string, Parameters<typeof taskCheckpoints>[1]>> = {
  'another task': { task: { ...task, id: 'heart-1-train-4-budapest' }, data },
  'another plan': { task: { ...task, planHash: 'd'.repeat(64) }, data },
  'other weights': { task: { ...task, weights: { sha256: 'e'.repeat(64), sizeBytes: 100 } } as Task, data },
  'other features': { task, data: { ...data, features: Float32Array.of(1, 3) } },
  'other targets': { task, data: { ...data, target: Float32Array.of(1, 1) } },
}

for (const [what, other] of Object.entries(others))
  test(`for ${what} there is none, and it is gone`, async (t) => {
    const { site, file } = place(t)
    await taskCheckpoints(site, { task, data }).keep(passing(1, 1, 2, 3, 4, 5))
    assert.equal(taskCheckpoints(site, other).find(form), undefined)
    assert.equal(existsSync(file), false)
  })

test('nor is there one for another version, other parts or other tensors', async (t) => {
  const { site } = place(t)
  const [spec] = form.specs
  for (const [own, wanted] of [
    [{ ...site, version: '2' }, form],
    [site, { ...form, parts: 1 }],
    [site, { ...form, specs: spec === undefined ? [] : [spec] }],
  ] as const) {
    await taskCheckpoints(site, { task, data }).keep(passing(1, 1, 2, 3, 4, 5))
    assert.equal(taskCheckpoints(own, { task, data }).find(wanted), undefined)
  }
})

test('of what is torn, or damaged in any byte, there is none', async (t) => {
  const { site, file } = place(t)
  const checkpoints = taskCheckpoints(site, { task, data })
  await checkpoints.keep(passing(1, 1, 2, 3, 4, 5))
  const whole = readFileSync(file)
  const damages = [...whole.keys()].flatMap((at) => [whole.with(at, (whole[at] ?? 0) ^ 1), whole.subarray(0, at)])
  for (const bytes of damages) {
    writeFileSync(file, bytes)
    assert.equal(checkpoints.find(form), undefined)
  }
  writeFileSync(file, whole)
  assert.equal(checkpoints.find(form)?.done, 1)
})

test('one that could not be written whole leaves the one before, and is said', async (t) => {
  const disk = realDisk()
  const { site, said, study } = place(t, disk)
  const checkpoints = taskCheckpoints(site, { task, data })
  await checkpoints.keep(passing(1, 1, 2, 3, 4, 5))
  const failing = (step: keyof Disk): Disk => ({
    ...disk,
    [step]: () => {
      throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
    },
  })
  for (const step of ['write', 'append', 'rename'] as const) {
    const full = taskCheckpoints({ ...site, disk: failing(step) }, { task, data })
    await assert.rejects(full.keep(passing(2, 1, 2, 3, 4, 5)))
    assert.match(said.at(-1) ?? '', /^warn .*start anew/)
    assert.deepEqual(readdirSync(study), ['checkpoint'])
    assert.equal(checkpoints.find(form)?.done, 1)
  }
})

test('a training that is over leaves none', async (t) => {
  const { site, study } = place(t)
  dropCheckpoint(site, 'heart-1')
  await taskCheckpoints(site, { task, data }).keep(passing(1, 1, 2, 3, 4, 5))
  // As a kill in the middle of the next one leaves it.
  writeFileSync(join(study, 'checkpoint.new'), 'beg')
  dropCheckpoint(site, 'heart-1')
  assert.deepEqual(readdirSync(study), [])
})
