import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { type Signed, sign } from '@wardround/core/protocol/signing.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { decodeWeights, encodeWeights } from '@wardround/core/safetensors.ts'
import { runSite } from './agent.ts'
import { readJournal } from './journal.ts'
import { runTask } from './task.ts'
import { errorBody } from './testing/fake-coordinator.ts'
import { type Hospital, type HospitalOptions, hospital, testCsv, testPlan } from './testing/hospital.ts'
import { newKeys } from './testing/keys.ts'

async function approved(t: TestContext, options: HospitalOptions = {}): Promise<Hospital> {
  const made = await hospital(options)
  t.after(made.remove)
  await made.say('approved')
  return made
}

/** Gives the tasks one after another, each to a freshly started site, and returns what the coordinator was told of the last. */
async function done(at: Hospital, ...tasks: (Task | readonly [Task, (given: Signed) => Signed])[]) {
  const { state } = at.coordinator
  let last = ''
  for (const given of tasks) {
    const [task, change] = 'id' in given ? [given, undefined] : given
    await at.coordinator.give(task, change)
    const site = await at.open()
    const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
    assert.ok(signed)
    await runTask(site, signed)
    last = task.id
  }
  return state.results.get(last)
}

const journal = (at: Hospital) => readJournal(at.options.disk, join(at.folder, 'journal.ndjson')).entries
const released = (at: Hospital, what: string) =>
  journal(at).filter(({ kind, body }) => kind === 'released' && body.what === what)

/** Refused by this code: told, journalled, explained to the people here, and nothing was computed or sent. */
async function refusedAs(code: ErrorCode, at: Hospital, task: Parameters<typeof done>[1]): Promise<void> {
  const { trained } = at.trainer
  const uploads = released(at, 'upload').length
  const result = await done(at, ...(task === undefined ? [] : [task]))
  assert.ok(result?.kind === 'failed', JSON.stringify(result))
  assert.deepEqual([result.code, result.refused], [code, true])
  const entry = journal(at).findLast(({ kind }) => kind === 'task-refused')
  assert.equal(entry?.body.code, code)
  assert.match(at.said.at(-1) ?? '', /^warn: refused: /)
  assert.equal(at.trainer.trained, trained)
  assert.equal(released(at, 'upload').length, uploads)
}

test('a study from survey to the end: what leaves is what is expected, and all of it is in the journal', async (t) => {
  const at = await approved(t)
  const { tasks, coordinator } = at
  const survey = await done(at, tasks.prepare())
  assert.ok(survey?.kind === 'prepare' && survey.survey.patients.training === 28)
  const trained = await done(at, tasks.train(1))
  assert.ok(trained?.kind === 'train')
  assert.equal(trained.numExamples, 28)
  const update = coordinator.state.staged.get(tasks.train(1).id) ?? new Uint8Array()
  const [delta, ...others] = decodeWeights(
    update,
    at.weights.map(({ name, shape }) => ({ name, shape })),
  )
  assert.deepEqual([delta?.name, [...(delta?.data ?? [])], others], ['output.kernel', [0.5], []], 'the bias stays here')
  const measured = await done(at, tasks.evaluate(1))
  assert.ok(measured?.kind === 'evaluate' && measured.on === 'training' && measured.figure?.patients === 28)
  const finished = await done(at, tasks.finish(1))
  assert.ok(finished?.kind === 'finish')
  assert.deepEqual([finished.nTrain, finished.nTest, finished.federated.auroc.n], [28, 12, 12])
  const { broken, entries } = readJournal(at.options.disk, join(at.folder, 'journal.ndjson'))
  assert.equal(broken, undefined)
  const bodies = coordinator.state.heard.filter(({ sizeBytes }) => sizeBytes > 0)
  const outgoing = entries.filter(({ kind }) => kind === 'released')
  assert.deepEqual(
    outgoing.map(({ body }) => [body.method, body.path, body.sizeBytes]),
    bodies.map(({ method, path, sizeBytes }) => [method, path, sizeBytes]),
  )
  const upload = outgoing.find(({ body }) => body.what === 'upload')
  assert.deepEqual(
    [upload?.body.sha256, upload?.body.study, upload?.body.planHash],
    [sha256Hex(update), at.study, at.planHash],
  )
  assert.deepEqual(readdirSync(join(at.folder, 'outbox')), [])
})

test('what was never approved, was refused, or is approved no longer, is not done', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  await refusedAs('WR_NOT_APPROVED', at, at.tasks.prepare(1))
  await at.say('refused')
  await refusedAs('WR_NOT_APPROVED', at, at.tasks.prepare(2))
  await at.say('approved')
  assert.equal((await done(at, at.tasks.prepare(3)))?.kind, 'prepare')
  await at.say('refused')
  await refusedAs('WR_NOT_APPROVED', at, at.tasks.train(1))
})

test('a result that waits in the outbox stays there when the grant is taken back', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  await at.coordinator.give(at.tasks.train(1))
  await interrupted(at, ({ method }) => method === 'PUT')
  await at.say('refused')
  await runSiteUntil(at, () => state.results.size === 1)
  const result = state.results.get(at.tasks.train(1).id)
  assert.ok(result?.kind === 'failed' && result.code === 'WR_NOT_APPROVED')
  assert.deepEqual([state.staged.size, readdirSync(join(at.folder, 'outbox'))], [0, []])
})

test('an altered plan is refused, wherever it was altered', async (t) => {
  const at = await approved(t)
  await refusedAs('WR_PLAN_ALTERED', at, { ...at.tasks.prepare(1), planHash: 'f'.repeat(64) })
  const plan = join(at.folder, 'studies', at.study, 'plan.json')
  const kept = readFileSync(plan, 'utf8')
  writeFileSync(plan, kept.replace('"epochs": 1', '"epochs": 2'))
  await refusedAs('WR_PLAN_ALTERED', at, at.tasks.prepare(2))
  writeFileSync(plan, kept)
  const grant = join(at.folder, 'studies', at.study, 'grant.json')
  writeFileSync(grant, readFileSync(grant, 'utf8').replace('budapest', 'budapesT'))
  await refusedAs('WR_SIGNATURE_INVALID', at, at.tasks.prepare(3))
})

test('a preparation that changes between rounds, or does not fit the plan, is refused', async (t) => {
  const at = await approved(t)
  const other = (change: object) => {
    const preparation = { ...at.tasks.train().preparation, ...change }
    return { preparation, preparationHash: sha256Hex(canonicalJson(preparation)) }
  }
  await refusedAs('WR_PLAN_ALTERED', at, { ...at.tasks.train(1), preparationHash: 'f'.repeat(64) })
  await refusedAs('WR_PLAN_ALTERED', at, { ...at.tasks.train(2), ...other({ normalise: 'per-site' }) })
  assert.equal((await done(at, at.tasks.train(3)))?.kind, 'train')
  await refusedAs('WR_PLAN_ALTERED', at, { ...at.tasks.train(4), ...other({ contributors: ['budapest', 'zurich'] }) })
})

test('a signature of another key, for another purpose, or over another text is refused', async (t) => {
  const at = await approved(t)
  const stranger = newKeys()
  const document = canonicalJson(at.tasks.train(1))
  const forged = sign(stranger, 'wardround-task-v1', document)
  await refusedAs('WR_SIGNATURE_INVALID', at, [at.tasks.train(1), (given) => ({ ...given, signature: forged })])
  const purpose = sign(at.coordinator.state.keys, 'wardround-offer-v1', canonicalJson(at.tasks.train(2)))
  await refusedAs('WR_SIGNATURE_INVALID', at, [at.tasks.train(2), (given) => ({ ...given, signature: purpose })])
  await refusedAs('WR_SIGNATURE_INVALID', at, [
    at.tasks.train(3),
    ({ document: text, signature }) => ({ document: text.replace('"round":3', '"round":4'), signature }),
  ])
})

test("another site's task, and one of yesterday, are refused", async (t) => {
  const at = await approved(t)
  await refusedAs('WR_TASK_FOREIGN', at, { ...at.tasks.train(1), site: 'zurich' })
  await refusedAs('WR_TASK_EXPIRED', at, { ...at.tasks.train(2), expiresAt: at.clock.now() - 1 })
})

test('a round is done once: a replay is refused, whatever it is called', async (t) => {
  const at = await approved(t)
  await done(at, at.tasks.train(1), at.tasks.train(2), at.tasks.evaluate(2))
  await refusedAs('WR_ROUND_REPLAYED', at, { ...at.tasks.train(2), id: `${at.study}-again` })
  await refusedAs('WR_ROUND_REPLAYED', at, { ...at.tasks.train(1), id: `${at.study}-first-again` })
  await refusedAs('WR_ROUND_REPLAYED', at, { ...at.tasks.evaluate(2), id: `${at.study}-measure-again` })
  await refusedAs('WR_ROUND_REPLAYED', at, at.tasks.evaluate(3))
  await refusedAs('WR_PLAN_ALTERED', at, at.tasks.train(21))
  await done(at, at.tasks.finish(2))
  await refusedAs('WR_ROUND_REPLAYED', at, { ...at.tasks.finish(1), id: `${at.study}-finish-again` })
})

test('weights of another shape, another name, with NaN, or not as announced are refused before training', async (t) => {
  const at = await approved(t)
  const { coordinator, tasks } = at
  const [kernel] = at.weights
  assert.ok(kernel)
  const blob = (...tensors: Parameters<typeof encodeWeights>[0]) => coordinator.blob(encodeWeights(tensors))
  const wide = blob({ ...kernel, shape: [2, 1], data: new Float32Array(2) })
  await refusedAs('WR_WEIGHTS_SHAPE', at, { ...tasks.train(1), weights: wide })
  await refusedAs('WR_WEIGHTS_SHAPE', at, { ...tasks.train(2), weights: blob({ ...kernel, name: 'other.kernel' }) })
  const both = blob(kernel, { name: 'output.bias', shape: [1], data: new Float32Array(1) })
  await refusedAs('WR_WEIGHTS_SHAPE', at, { ...tasks.train(3), weights: both })
  const garbage = coordinator.blob(new Uint8Array(100).fill(255))
  await refusedAs('WR_WEIGHTS_INVALID', at, { ...tasks.train(4), weights: garbage })
  const notFinite = blob({ ...kernel, data: Float32Array.of(Number.NaN) })
  const result = await done(at, { ...tasks.train(5), weights: notFinite })
  assert.ok(result?.kind === 'failed' && result.code === 'WR_WEIGHTS_NOT_FINITE')
  const huge = { ...tasks.train(6).weights, sizeBytes: 2 ** 40 }
  const refused = await done(at, { ...tasks.train(6), weights: huge })
  assert.ok(refused?.kind === 'failed' && refused.code === 'WR_BODY_TOO_LARGE')
  assert.equal(at.trainer.trained, 0)
})

test("the hospital's policy has the last word, and a study cannot loosen it", async (t) => {
  const kinds = await approved(t, { policy: 'policy: { releases: [statistics] }' })
  assert.equal((await done(kinds, kinds.tasks.prepare()))?.kind, 'prepare')
  const result = await done(kinds, kinds.tasks.train(1))
  assert.ok(result?.kind === 'failed' && result.code === 'WR_EGRESS_REFUSED' && result.refused)
  assert.equal(released(kinds, 'upload').length, 0)
  const few = await approved(t, { policy: 'policy: { minimumCohort: 29 }' })
  const small = await done(few, few.tasks.train(1))
  assert.ok(small?.kind === 'failed' && small.code === 'WR_COHORT_TOO_SMALL' && small.refused)
  const studies = await approved(t, { policy: 'policy: { studies: [other] }' })
  const other = await done(studies, studies.tasks.prepare())
  assert.ok(other?.kind === 'failed' && other.code === 'WR_EGRESS_REFUSED')
})

test('about a cohort below the minimum nothing is said: no scores, no counts', async (t) => {
  // 12 test patients, a minimum of 13.
  const at = await approved(t, { policy: 'policy: { minimumCohort: 13 }' })
  const finished = await done(at, at.tasks.train(1), at.tasks.evaluate(1), at.tasks.finish(1))
  assert.ok(finished?.kind === 'finish')
  assert.equal(finished.nTest, null)
  for (const model of [finished.local, finished.federated]) {
    assert.equal(model.statistic, null)
    for (const metric of ['accuracy', 'auroc', 'brier'] as const)
      assert.deepEqual(model[metric], { value: null, low: null, high: null, n: null })
  }
  const plan = { ...testPlan, data: { ...testPlan.data, minimumCohort: 29 } }
  const strict = await approved(t, { plan })
  const measured = await done(strict, strict.tasks.prepare())
  assert.ok(measured?.kind === 'prepare')
  assert.deepEqual(measured.survey.patients, { training: null, validation: null, test: null })
})

test('training that diverges is a failure, not a refusal, and the round may be asked for again', async (t) => {
  const at = await approved(t)
  at.trainer.fail = new WardroundError('WR_TRAINING_DIVERGED', { epoch: 2 })
  const result = await done(at, at.tasks.train(1))
  assert.deepEqual(result, { kind: 'failed', code: 'WR_TRAINING_DIVERGED', parameters: { epoch: 2 }, refused: false })
  at.trainer.fail = undefined
  assert.equal((await done(at, { ...at.tasks.train(1), id: `${at.study}-again` }))?.kind, 'train')
})

test('what goes wrong with the data is told by its code, without names of files or values', async (t) => {
  const at = await approved(t)
  writeFileSync(join(at.folder, 'data.csv'), testCsv().replace('p7,1,42', 'p7,1,42,Kowalska'))
  const result = await done(at, at.tasks.prepare())
  assert.deepEqual(result, { kind: 'failed', code: 'WR_DATA_UNREADABLE', parameters: {}, refused: false })
  assert.match(at.said.join('\n'), /line 9/)
  writeFileSync(join(at.folder, 'data.csv'), '')
  const empty = await done(at, at.tasks.prepare(2))
  assert.deepEqual(empty, { kind: 'failed', code: 'WR_DATA_EMPTY', parameters: {}, refused: false })
  assert.doesNotMatch(at.said.join('\n') + JSON.stringify(journal(at)), /Kowalska/)
})

/** Runs a site whose requests that `when` names are lost, until the first of them: a crash at that moment. */
async function interrupted(at: Hospital, when: (request: { method: string; path: string }) => boolean): Promise<void> {
  const stop = new AbortController()
  at.coordinator.state.fault = (request) => {
    if (!when(request)) return undefined
    stop.abort()
    return 'lose request'
  }
  await runSite({ ...at.options, signal: stop.signal })
  at.coordinator.state.fault = undefined
}

test("a site's clock that is set a day forward or back between any two requests changes nothing", async (t) => {
  for (const byMs of [86_400_000, -86_400_000]) {
    const at = await approved(t)
    const { state } = at.coordinator
    for (const task of [at.tasks.prepare(), at.tasks.train(), at.tasks.evaluate()]) await at.coordinator.give(task)
    let requests = 0
    await runSiteUntil(at, () => {
      requests += 1
      at.clock.set(requests % 2 === 0 ? byMs : -byMs)
      return state.results.size === 3
    })
    assert.deepEqual(
      [...state.results.values()].map(({ kind }) => kind),
      ['prepare', 'train', 'evaluate'],
    )
    assert.ok(
      at.said.every((line) => line.startsWith('info')),
      at.said.join(' | '),
    )
  }
})

async function runSiteUntil(at: Hospital, reached: () => boolean): Promise<void> {
  const stop = new AbortController()
  at.coordinator.state.fault = () => {
    if (reached()) stop.abort()
    return undefined
  }
  await runSite({ ...at.options, signal: stop.signal })
  at.coordinator.state.fault = undefined
}

test('wherever the site is stopped, it ends up having trained each round once, with the same bytes sent', async (t) => {
  const whole = await approved(t)
  await done(whole, whole.tasks.train(1), whole.tasks.evaluate(1))
  const expected = whole.coordinator.state.staged.get(whole.tasks.train(1).id)
  const moments: ((request: { method: string; path: string }) => boolean)[] = [
    ({ path }) => path.includes('/blobs/'),
    ({ method }) => method === 'PUT',
    ({ path }) => path.includes('evaluate-1-budapest/result'),
  ]
  for (const moment of moments) {
    const at = await approved(t)
    const { state } = at.coordinator
    await at.coordinator.give(at.tasks.train(1))
    await at.coordinator.give(at.tasks.evaluate(1))
    await interrupted(at, moment)
    await runSiteUntil(at, () => state.results.size === 2)
    assert.deepEqual(
      [...state.results.values()].map(({ kind }) => kind),
      ['train', 'evaluate'],
    )
    assert.deepEqual(state.staged.get(at.tasks.train(1).id), expected)
    assert.equal(at.trainer.trained, 1)
  }
})

/** A site that had trained and begun to send when the power went; with it went what `lost` names. */
async function powerCut(t: TestContext, lost: 'the outbox' | 'the outbox and the data') {
  const at = await approved(t)
  const { state } = at.coordinator
  await at.coordinator.give(at.tasks.train(1))
  await interrupted(at, ({ method }) => method === 'PUT')
  rmSync(join(at.folder, 'outbox'), { recursive: true })
  if (lost === 'the outbox and the data')
    writeFileSync(
      join(at.folder, 'data.csv'),
      readFileSync(join(at.folder, 'data.csv'), 'utf8').split('\n').slice(0, -3).join('\n'),
    )
  await runSiteUntil(at, () => state.results.size === 1)
  return { at, result: state.results.get(at.tasks.train(1).id) }
}

test('alone, a site trains for as many rounds as the plan allows, and for no more than there were', async (t) => {
  const rounds = async (maximumRounds: number): Promise<number | undefined> => {
    const at = await approved(t)
    const finished = await done(at, at.tasks.train(1), at.tasks.finish(1, maximumRounds))
    return finished?.kind === 'finish' ? finished.localRounds : undefined
  }
  assert.equal(await rounds(2), 2)
  // The plan's stop rule comes first, and its maximum of 20 is not to be raised by anybody.
  const own = await rounds(20)
  assert.ok(own !== undefined && own > 2 && own <= 20)
  assert.equal(await rounds(10_000), own)
})

test('a result that a power cut took out of the outbox is made again, where it is the very same', async (t) => {
  const whole = await approved(t)
  await done(whole, whole.tasks.train(1))
  const { at, result } = await powerCut(t, 'the outbox')
  assert.equal(result?.kind, 'train')
  assert.deepEqual(
    at.coordinator.state.staged.get(at.tasks.train(1).id),
    whole.coordinator.state.staged.get(whole.tasks.train(1).id),
  )
  assert.equal(at.trainer.trained, 2)
  const left = released(at, 'upload').map(({ body }) => body.sha256)
  assert.deepEqual([left.length, new Set(left).size], [2, 1])
})

test('another result for what has left already is a replay, whatever became of the outbox', async (t) => {
  const { at, result } = await powerCut(t, 'the outbox and the data')
  assert.ok(result?.kind === 'failed' && result.code === 'WR_ROUND_REPLAYED' && result.refused)
  assert.equal(released(at, 'upload').length, 1)
})

test('a task of the same name that asks for other weights to be trained gets nothing', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  await done(at, at.tasks.train(1))
  const [first] = state.staged.values()
  const [kernel] = at.weights
  assert.ok(kernel)
  const weights = at.coordinator.blob(encodeWeights([{ ...kernel, data: kernel.data.map((value) => value + 1e9) }]))
  for (const list of [state.tasks, state.heard]) list.length = 0
  for (const map of [state.results, state.staged]) map.clear()
  // As if the power had gone before the thanks were written down.
  const path = join(at.folder, 'journal.ndjson')
  const kept = readFileSync(path, 'utf8').split('\n').slice(0, -2)
  writeFileSync(path, `${kept.join('\n')}\n`)
  const result = await done(at, { ...at.tasks.train(1), weights })
  assert.ok(result?.kind === 'failed' && result.code === 'WR_ROUND_REPLAYED' && result.refused)
  assert.ok(first !== undefined && state.staged.size === 0)
  assert.deepEqual([state.heard.filter(({ method }) => method === 'PUT'), released(at, 'upload').length], [[], 1])
})

test('an answer that is lost after it took effect does no harm', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  const once = new Set<string>()
  await at.coordinator.give(at.tasks.train(1))
  const stop = new AbortController()
  state.fault = ({ method, path }) => {
    if (state.results.size === 1 && path.includes('/task?')) stop.abort()
    if (method === 'GET' || once.has(path)) return undefined
    once.add(path)
    return 'lose answer'
  }
  await runSite({ ...at.options, signal: stop.signal })
  assert.equal(state.results.get(at.tasks.train(1).id)?.kind, 'train')
  assert.equal(once.size, 1)
})

test('a long outage is waited out, with longer and longer pauses up to half a minute', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  await at.coordinator.give({ ...at.tasks.train(1), expiresAt: at.clock.now() + 86_400_000 })
  const stop = new AbortController()
  let down = 40
  state.fault = () => {
    if (state.results.size === 1) stop.abort()
    return down-- > 0 ? 'lose request' : undefined
  }
  await runSite({ ...at.options, signal: stop.signal })
  assert.equal(state.results.get(at.tasks.train(1).id)?.kind, 'train')
  const pauses = at.clock.slept.slice(0, 40)
  assert.ok((pauses[0] ?? 0) <= 300 && Math.max(...pauses) > 15_000 && Math.max(...pauses) <= 30_000, `${pauses}`)
})

test('a line that breaks while weights arrive is not a failure of the site', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  await at.coordinator.give(at.tasks.train(1))
  let broken = 30
  const stop = new AbortController()
  state.fault = ({ path }) => {
    if (state.results.size === 1) stop.abort()
    return path.includes('/blobs/') && broken-- > 0 ? 'lose request' : undefined
  }
  await runSite({ ...at.options, signal: stop.signal })
  assert.equal(state.results.get(at.tasks.train(1).id)?.kind, 'train')
})

test('a task that nobody can be told about is not tried again in a tight loop', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  state.tasks.push({ id: 'x', document: 'not JSON', signature: 'not a signature' })
  const stop = new AbortController()
  const start = at.clock.now()
  state.fault = () => {
    if (at.clock.now() - start > 3_600_000) stop.abort()
    return undefined
  }
  await runSite({ ...at.options, signal: stop.signal })
  const refusals = journal(at).filter(({ kind }) => kind === 'task-refused').length
  assert.ok(refusals > 0 && refusals <= 121, `${refusals} in an hour`)
})

test('what a coordinator signs without its being a task is refused as such', async (t) => {
  const at = await approved(t)
  const site = await at.open()
  for (const document of ['not JSON', '{}', '"\\ud800"', '[null]']) {
    const signature = await sign(at.coordinator.state.keys, 'wardround-task-v1', document)
    await runTask(site, { document, signature })
    const { kind, body } = journal(at).at(-1) ?? {}
    assert.deepEqual([kind, body?.code], ['task-refused', 'WR_BODY_INVALID'], document)
  }
})

test('a result that comes too late is dropped, and the site goes on', async (t) => {
  const at = await approved(t)
  const { state } = at.coordinator
  await at.coordinator.give(at.tasks.train(1))
  const stop = new AbortController()
  state.fault = ({ path, method }) => {
    if (state.results.size === 1) stop.abort()
    if (!path.includes('train-1') || method === 'GET') return undefined
    state.tasks.splice(0, 1, ...state.tasks.slice(1))
    return { status: 409, body: errorBody('WR_TASK_CLOSED', at.clock.now()) }
  }
  const running = runSite({ ...at.options, signal: stop.signal })
  await at.coordinator.give(at.tasks.train(2, 1))
  await running
  assert.equal(state.results.get(at.tasks.train(2).id)?.kind, 'train')
  assert.deepEqual(readdirSync(join(at.folder, 'outbox')), [])
})

test('a site that was removed stops by itself, saying why', async (t) => {
  const at = await approved(t)
  const body = errorBody('WR_SITE_LEFT', at.clock.now())
  at.coordinator.state.fault = () => ({ status: 403, body })
  await assert.rejects(runSite(at.options), (error) => error instanceof WardroundError && error.code === 'WR_SITE_LEFT')
  assert.ok(!existsSync(join(at.folder, 'run.lock')))
})

test('personal weights of every round stay in the folder: a coordinator that is restored may ask for one again', async (t) => {
  const at = await approved(t)
  await done(at, at.tasks.train(1), at.tasks.train(2, 1), at.tasks.train(3, 1), at.tasks.train(4, 1))
  const personal = join(at.folder, 'studies', at.study, 'personal')
  assert.deepEqual(readdirSync(personal).toSorted(), [
    '1.safetensors',
    '2.safetensors',
    '3.safetensors',
    '4.safetensors',
  ])
})
