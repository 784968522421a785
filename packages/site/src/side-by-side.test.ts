/** Several studies at one site, and tasks that are closed while it is at work on them. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Clock } from '@wardround/core/ports.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import fc from 'fast-check'
import { runSite } from './agent.ts'
import { pollSeconds } from './client.ts'
import { readJournal } from './journal.ts'
import { type Hospital, hospital, testPlan } from './testing/hospital.ts'
import type { Trainer } from './training/trainer.ts'

const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume))

type Given = { readonly task: string; readonly study: string; readonly stillWanted: () => void }
type Training = (given: Given) => Promise<void>

/** A study is known by its batch, to a trainer. */
const planOf = (batch: number): object => ({
  ...testPlan,
  name: `study-${batch}`,
  training: { ...testPlan.training, batch },
})

/** A hospital with studies 1, 2, …, whose trainings `training` says something of, and their tasks. */
async function several(t: TestContext | undefined, count: number, training: Training) {
  const made = await hospital({
    plan: planOf(1),
    trainer: told(
      () => made,
      (given) => training(given),
    ),
  })
  t?.after(made.remove)
  const all = [made.tasks]
  for (let batch = 2; batch <= count; batch++) all.push(await made.also(planOf(batch)))
  await made.say('approved')
  made.coordinator.state.listens = true
  return { at: made, studies: all }
}

const told = (at: () => Hospital, training: Training): Trainer => ({
  ...noTrainer,
  async train(request, options) {
    const { batch } = request.training
    const [, , , round] = request.labels
    const study = `study-${batch}`
    const { trainer } = at()
    await training({ study, task: `${study}/${round}`, stillWanted: () => options?.stillWanted?.() })
    return trainer.train(request)
  },
})

const noTrainer: Trainer = {
  train: () => assert.fail(),
  predict: async ({ data }) => new Float32Array(data.rows).fill(0.5),
  warm: () => undefined,
  close: async () => undefined,
}

const nameOf = ({ study, ...rest }: Task): string =>
  `${study.slice(0, study.lastIndexOf('-'))}/${'round' in rest ? rest.round : 0}`

/** Time passes here as fast as somebody sleeps: a task that lasts. */
const give = (at: Hospital, task: Task): Promise<void> => at.coordinator.give({ ...task, expiresAt: 1e14 })

/** Until `reached`, which is asked at each request. */
async function runUntil(at: Hospital, reached: () => boolean, atOnce = 2): Promise<void> {
  const stop = new AbortController()
  at.coordinator.state.fault = () => {
    if (reached()) stop.abort()
    return undefined
  }
  await runSite({ ...at.options, atOnce, signal: stop.signal })
  at.coordinator.state.fault = undefined
}

const asked = (at: Hospital): number =>
  at.coordinator.state.heard.filter(({ path }) => path.startsWith('/v1/site/task?')).length

test('a task that is closed while it trains ends there: nothing of it is sent, and the next one goes on', async (t) => {
  const trained: string[] = []
  const { at, studies } = await several(t, 1, async ({ task, stillWanted }) => {
    trained.push(task)
    if (task !== 'study-1/1') return
    state.closed.add(first.id)
    for (;;) {
      await turn()
      stillWanted()
    }
  })
  const { state } = at.coordinator
  const [tasks = assert.fail()] = studies
  const [first, second] = [tasks.train(1), tasks.train(2)]
  for (const task of [first, second]) await give(at, task)
  await runUntil(at, () => state.results.size === 1)
  assert.deepEqual(trained, ['study-1/1', 'study-1/2'])
  assert.deepEqual([...state.results.keys()], [second.id])
  assert.equal(state.heard.filter(({ path }) => path.includes(first.id)).length, 0)
  assert.equal(at.said.filter((line) => line.startsWith(`warn: ${first.id} is wanted no more`)).length, 1)
  assert.deepEqual(at.options.disk.list(join(at.folder, 'outbox')), [])
  assert.equal(existsSync(join(at.folder, 'studies', first.study, 'checkpoint')), false)
})

/** The first of two tasks is closed while it is at work, and ends by `end`; nothing of it has been sent when the second one is over. */
async function closedAtWork(t: TestContext, end: () => void) {
  const { at, studies } = await several(t, 1, async ({ task }) => {
    if (task !== 'study-1/1') return
    state.closed.add(first.id)
    // It never asks whether it is wanted, and has heard of it all the same.
    for (let turns = 0; turns < 100; turns++) await turn()
    end()
  })
  const { state } = at.coordinator
  const [tasks = assert.fail()] = studies
  const [first, second] = [tasks.train(1), tasks.train(2)]
  for (const task of [first, second]) await give(at, task)
  await runUntil(at, () => state.results.size === 1)
  assert.equal(state.heard.filter(({ path }) => path.includes(first.id)).length, 0)
  return { at, first, second }
}

test('what was done when its task was closed stays here, too', async (t) => {
  const { at, first, second } = await closedAtWork(t, () => undefined)
  const { entries } = readJournal(at.options.disk, join(at.folder, 'journal.ndjson'))
  const results = entries.flatMap(({ body }) => (body.result === undefined ? [] : [body.result as { task: string }]))
  assert.deepEqual(
    results.map(({ task }) => task),
    [second.id],
  )
  assert.equal(existsSync(join(at.folder, 'studies', first.study, 'personal', '1.safetensors')), false)
})

test('of a task that is closed nothing is told, whatever ended the work on it', async (t) => {
  const { at, first } = await closedAtWork(t, () => {
    throw new Error('it went wrong, too')
  })
  assert.equal(at.said.filter((line) => line.includes(`${first.id} is wanted no more`)).length, 1)
})

test("a long training of one study does not hold up another's rounds, and each is journalled as its own", async (t) => {
  const order: string[] = []
  const rounds = [1, 2, 3]
  const { at, studies } = await several(t, 2, async ({ study, task }) => {
    order.push(`${task} begins`)
    while (study === 'study-1' && quick.some(({ id }) => !state.results.has(id))) await turn()
    order.push(`${task} ends`)
  })
  const { state } = at.coordinator
  const [one = assert.fail(), two = assert.fail()] = studies
  const slow = one.train(1)
  const quick = rounds.flatMap((round) => [two.train(round), two.evaluate(round)])
  for (const task of [slow, ...quick]) await give(at, task)
  await runUntil(at, () => state.results.size === 1 + quick.length)
  const between = rounds.flatMap((round) => [`study-2/${round} begins`, `study-2/${round} ends`])
  assert.deepEqual(order, ['study-1/1 begins', ...between, 'study-1/1 ends'])
  const { entries, broken } = readJournal(at.options.disk, join(at.folder, 'journal.ndjson'))
  assert.equal(broken, undefined)
  const results = entries.filter(({ kind, body }) => kind === 'released' && body.result !== undefined)
  assert.equal(results.length, 1 + quick.length)
  for (const { body } of results) {
    const { task, sha256 } = body.result as { task: string; sha256: string }
    assert.ok(String(body.path).includes(task) && task.startsWith(String(body.study)))
    assert.equal(body.sha256, sha256)
  }
})

test("what is sent again after another study's result is journalled as what it is", async (t) => {
  let tried = false
  const { at, studies } = await several(t, 2, async ({ study }) => {
    while (study === 'study-2' && !tried) await turn()
  })
  const { state } = at.coordinator
  const [one, two] = studies.map((tasks) => tasks.train(1))
  assert.ok(one !== undefined && two !== undefined)
  for (const task of [one, two]) await give(at, task)
  const stop = new AbortController()
  state.fault = ({ method, path }) => {
    if (state.results.size === 2) stop.abort()
    if (method !== 'PUT' || !path.includes(one.id) || state.results.has(two.id)) return undefined
    tried = true
    return 'lose request'
  }
  await runSite({ ...at.options, atOnce: 2, signal: stop.signal })
  const { entries } = readJournal(at.options.disk, join(at.folder, 'journal.ndjson'))
  const sent = entries.filter(({ kind, body }) => kind === 'released' && body.what === 'upload')
  assert.ok(sent.length > 2)
  for (const { body } of sent) {
    const { task } = body.result as { task: string }
    assert.ok(String(body.path).includes(task) && task.startsWith(String(body.study)), `${body.path} as ${task}`)
  }
})

test('a coordinator that does not listen has one task after another done, and is not asked in a tight loop', async (t) => {
  let busy = 0
  const { at, studies } = await several(t, 2, async () => {
    busy += 1
    assert.equal(busy, 1)
    for (let turns = 0; turns < 60; turns++) await turn()
    busy -= 1
  })
  const { state } = at.coordinator
  state.listens = false
  for (const tasks of studies) for (const round of [1, 2]) await give(at, tasks.train(round))
  const start = at.clock.steadyNow()
  await runUntil(at, () => state.results.size === 4)
  const polls = (at.clock.steadyNow() - start) / 1000 / pollSeconds
  // One for each listening, while time passed as fast as it was slept through; and one where a task was begun.
  assert.ok(asked(at) <= polls + 4 + 4, `${asked(at)} times in the time of ${polls}`)
})

test('a task that is over at once costs no request but its own', async (t) => {
  const { at, studies } = await several(t, 1, async () => undefined)
  const { state } = at.coordinator
  const [tasks = assert.fail()] = studies
  for (const round of [1, 2, 3]) await give(at, tasks.train(round))
  // Time does not pass: nobody comes to listen.
  const sleep: Clock['sleep'] = (_, signal) =>
    new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
  await runUntil({ ...at, options: { ...at.options, clock: { ...at.clock, sleep } } }, () => state.results.size === 3)
  // At first, and when all was done.
  assert.equal(asked(at), 2)
})

test('whatever is given, takes long or is closed: never two tasks of a study, never more than there is room for, each done once', async () => {
  const drawn = fc.record({
    atOnce: fc.integer({ min: 1, max: 3 }),
    turns: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 6, maxLength: 6 }),
    closing: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    listens: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(drawn, async ({ atOnce, turns, closing, listens }) => {
      const working = new Set<string>()
      const trained: string[] = []
      const { at, studies } = await several(undefined, 3, async ({ study, task, stillWanted }) => {
        assert.ok(!working.has(study), `${study} twice`)
        working.add(study)
        assert.ok(working.size <= atOnce)
        const index = given.findIndex((one) => nameOf(one) === task)
        if (closing[index]) state.closed.add(given[index]?.id ?? '')
        try {
          for (let left = turns[index] ?? 0; left > 0; left--) {
            await turn()
            stillWanted()
          }
          trained.push(task)
        } finally {
          working.delete(study)
        }
      })
      const { state } = at.coordinator
      state.listens = listens
      const given = [1, 2].flatMap((round) => studies.map((tasks) => tasks.train(round)))
      for (const task of given) await give(at, task)
      try {
        await runUntil(
          at,
          () => given.every(({ id }) => state.results.has(id) || state.closed.has(id)) && working.size === 0,
          atOnce,
        )
        const wanted = given.filter((_, index) => !closing[index])
        assert.deepEqual([...state.results.keys()].toSorted(), wanted.map(({ id }) => id).toSorted())
        assert.equal(new Set(trained).size, trained.length)
        for (const result of state.results.values()) assert.equal(result.kind, 'train')
      } finally {
        at.remove()
      }
    }),
    { numRuns: 8 },
  )
})
