/** What a site keeps of SCAFFOLD from round to round, through restarts and power cuts. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Task } from '@wardround/core/protocol/task.ts'
import { decodeWeights, encodeWeights } from '@wardround/core/safetensors.ts'
import type { OpenSite } from './agent.ts'
import { runTask } from './task.ts'
import { type Hospital, hospital, testPlan } from './testing/hospital.ts'

type Train = Extract<Task, { kind: 'train' }>

/** A hospital whose plain step is +½ (in one step of rate 0.1), and what its trainer was given. */
async function scaffolding(t: TestContext, strategy: object = { scaffold: {} }) {
  const at = await hospital({ plan: { ...testPlan, strategy } })
  t.after(at.remove)
  await at.say('approved')
  const corrections: (number | undefined)[] = []
  at.trainer.train = async ({ weights, correction }) => {
    const added = correction?.[0]?.data[0]
    corrections.push(added)
    assert.ok(
      (correction ?? []).every(({ name }) => name === 'output.kernel'),
      'the personal bias is not corrected',
    )
    const moved = weights.map((tensor) => ({ ...tensor, data: tensor.data.map((w) => w + 0.5 - 0.1 * (added ?? 0)) }))
    return { weights: moved, steps: 2, lossPerEpoch: [0.5] }
  }
  const variate = (value: number) =>
    at.coordinator.blob(encodeWeights(at.weights.map((tensor) => ({ ...tensor, data: Float32Array.of(value) }))))
  const task = (round: number, correction?: Train['correction']): Train => ({ ...at.tasks.train(round), correction })
  return { at, corrections, variate, task }
}

async function perform(at: Hospital, site: OpenSite, task: Task) {
  await at.coordinator.give(task)
  const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
  assert.ok(signed)
  await runTask(site, signed)
  return at.coordinator.state.results.get(task.id)
}

const changeOf = (at: Hospital, task: Task): number => {
  const update = at.coordinator.state.staged.get(task.id) ?? assert.fail(`no update of ${task.id}`)
  return decodeWeights(update, at.weights)[0]?.data[0] ?? Number.NaN
}
const own = (at: Hospital): Record<string, number> => {
  const folder = join(at.folder, 'studies', at.study, 'own')
  const value = (name: string) =>
    decodeWeights(at.options.disk.read(join(folder, name)) ?? assert.fail(name), at.weights)[0]?.data[0] ?? Number.NaN
  return Object.fromEntries(readdirSync(folder).map((name) => [name.replace('.safetensors', ''), value(name)]))
}
const near = (found: number | undefined, wanted: number): void =>
  assert.ok(Math.abs((found ?? Number.NaN) - wanted) < 1e-6, `${found} and ${wanted}`)

/** Four rounds: the update of round 2 does not count. */
async function fourRounds(t: TestContext, { restarts }: { restarts: boolean }) {
  const { at, corrections, variate, task } = await scaffolding(t)
  const tasks = [
    task(1, { since: 0 }),
    task(2, { since: 1, common: variate(-0.5) }),
    task(3, { since: 1, common: variate(-0.25) }),
    task(4, { since: 3, common: variate(-0.125) }),
  ]
  let site = await at.open()
  for (const given of tasks) {
    if (restarts) site = await at.open()
    await perform(at, site, given)
  }
  return { at, corrections, updates: tasks.map(({ id }) => at.coordinator.state.staged.get(id)), tasks }
}

test('SCAFFOLD at a site, by hand: its own variate is the one of its last update that counted', async (t) => {
  const { at, corrections, tasks } = await fourRounds(t, { restarts: false })
  // Round 1: nothing known. Δ = ½ in two steps: c̃ᵢ = −¼.
  assert.equal(corrections[0], 0)
  // Round 2: (−½ + ¼)/0.1 = −2½: Δ = ½ + ¼ = ¾: c̃ᵢ = −¼ + ½ − ⅜ = −⅛, which does not count.
  near(corrections[1], -2.5)
  // Round 3, from −¼ again: (−¼ + ¼)/0.1 = 0: Δ = ½: c̃ᵢ = −¼ + ¼ − ¼ = −¼.
  near(corrections[2], 0)
  // Round 4: (−⅛ + ¼)/0.1 = 1¼: Δ = ½ − ⅛ = ⅜: c̃ᵢ = −¼ + ⅛ − 3/16 = −5/16.
  near(corrections[3], 1.25)
  for (const [index, change] of [0.5, 0.75, 0.5, 0.375].entries())
    near(changeOf(at, tasks[index] ?? assert.fail()), change)
  const kept = own(at)
  assert.deepEqual(Object.keys(kept), ['1', '2', '3', '4'])
  near(kept[3], -0.25)
  near(kept[4], -5 / 16)
})

test('a site that is started anew before each round sends the same bits', async (t) => {
  const steady = await fourRounds(t, { restarts: false })
  const restarted = await fourRounds(t, { restarts: true })
  assert.equal(steady.updates.length, 4)
  assert.deepEqual(restarted.updates, steady.updates)
  assert.deepEqual(own(restarted.at), own(steady.at))
})

test('a task that is done again after a power cut starts from what it started from before', async (t) => {
  const { at, variate, task } = await scaffolding(t)
  await perform(at, await at.open(), task(1, { since: 0 }))
  const second = task(2, { since: 1, common: variate(-0.5) })
  // The update reaches nobody, and its file is gone when the site is back: it is made again, and is the very same.
  const stop = new AbortController()
  at.coordinator.state.fault = ({ method }) => {
    if (method !== 'PUT') return undefined
    stop.abort()
    return 'lose request'
  }
  await assert.rejects(perform(at, await at.open(stop.signal), second))
  at.coordinator.state.fault = undefined
  assert.deepEqual(Object.keys(own(at)), ['1', '2'])
  rmSync(join(at.folder, 'outbox'), { recursive: true })
  at.coordinator.state.tasks.length = 0
  const result = await perform(at, await at.open(), second)
  assert.equal(result?.kind, 'train')
  near(changeOf(at, second), 0.75)
  near(own(at)[2], -0.125)
})

test('a task that says otherwise than the plan is refused, and so is a common variate of another shape', async (t) => {
  const { at, corrections, variate, task } = await scaffolding(t)
  const site = await at.open()
  const refused = async (given: Train, code: string): Promise<void> => {
    const result = await perform(at, site, given)
    assert.deepEqual(result?.kind === 'failed' && [result.code, result.refused], [code, true])
  }
  await refused(task(1), 'WR_PLAN_ALTERED')
  await refused(task(2, { since: 2, common: variate(1) }), 'WR_PLAN_ALTERED')
  const wide = encodeWeights([{ name: 'output.kernel', shape: [2, 1], data: new Float32Array(2) }])
  await refused(task(3, { since: 0, common: at.coordinator.blob(wide) }), 'WR_WEIGHTS_SHAPE')
  assert.deepEqual(corrections, [])
  const plain = await scaffolding(t, { fedAvg: {} })
  const other = await perform(plain.at, await plain.at.open(), plain.task(1, { since: 0 }))
  assert.ok(other?.kind === 'failed' && other.code === 'WR_PLAN_ALTERED')
})

test('FedDyn at a site, by hand: α times the sum of its changes that counted, and nothing from the coordinator', async (t) => {
  const { at, corrections, task } = await scaffolding(t, { fedDyn: { alpha: 2 } })
  const site = await at.open()
  // Δ = ½, which counts: 2·½; Δ = ½ − 0.1 = 0.4, which does not: 2·½ again.
  const rounds = [task(1, { since: 0 }), task(2, { since: 1 }), task(3, { since: 1 })]
  for (const given of rounds) assert.equal((await perform(at, site, given))?.kind, 'train')
  for (const [index, wanted] of [0, 1, 1].entries()) near(corrections[index], wanted)
  const kept = own(at)
  assert.deepEqual(Object.keys(kept), ['1', '2', '3'])
  near(kept[3], 0.9)
})

test('what a disk has lost of its own variate is taken as it was at first', async (t) => {
  const { at, corrections, variate, task } = await scaffolding(t)
  await perform(at, await at.open(), task(1, { since: 0 }))
  rmSync(join(at.folder, 'studies', at.study, 'own'), { recursive: true })
  await perform(at, await at.open(), task(2, { since: 1, common: variate(-0.5) }))
  near(corrections[1], -5)
  // A file that is there and cannot be read is not passed over.
  writeFileSync(join(at.folder, 'studies', at.study, 'own', '2.safetensors'), 'torn')
  const result = await perform(at, await at.open(), task(3, { since: 2, common: variate(-0.5) }))
  assert.ok(result?.kind === 'failed' && result.code === 'WR_WEIGHTS_INVALID')
})
