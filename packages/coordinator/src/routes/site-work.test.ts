import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { enclosedLimitBytes, holdsHeader, holdsNone } from '@wardround/core/protocol/enclosed.ts'
import { routes } from '@wardround/core/protocol/routes.ts'
import { sign, verify } from '@wardround/core/protocol/signing.ts'
import { offerSchema, type Task } from '@wardround/core/protocol/task.ts'
import { encodeSafetensors, unflatten } from '@wardround/core/safetensors.ts'
import { keptBlobs } from '../blobs/kept.ts'
import { enclosing } from '../enclosing.ts'
import type { Store } from '../store/store.ts'
import { asleep, turn } from '../testing/clock.ts'
import { closed } from '../testing/closed.ts'
import { coded } from '../testing/errors.ts'
import {
  honest,
  startedStudy,
  type TestFederation,
  testFederation,
  testWorld,
  type World,
} from '../testing/federation.ts'
import { ed25519 } from '../testing/keys.ts'
import { asSite, type Request, requestOf, send, sha256 } from '../testing/requests.ts'
import { pieceOf } from '../testing/site.ts'
import { parsedPlan, specsOf, survey, updateBytes } from '../testing/study.ts'

test("an offer is signed with the coordinator's key, says what was hashed, and ends with its study", async () => {
  const federation = await testFederation(['a'])
  const parsed = parsedPlan({ rounds: { maximum: 1 } })
  const id = await federation.publish(parsed, [])
  const site = federation.site('a')
  const [offer] = (await site.call('offers')).offers
  assert.ok(offer !== undefined && offer.decision === null)
  assert.ok(verify(ed25519, federation.world.keys.publicKey, { context: 'wardround-offer-v1', ...offer }))
  const { planHash, plan, study } = offerSchema.parse(JSON.parse(offer.document))
  assert.deepEqual([study, planHash, plan], [id, parsed.planHash, parsed.plan])
  await site.decide(id, planHash, { decision: 'refused', reason: 'Not yet.' })
  assert.equal((await site.call('offers')).offers[0]?.decision, 'refused')
  await site.decide(id, planHash)
  assert.equal((await site.call('offers')).offers[0]?.decision, 'approved')
  await federation.start(id)
  await federation.work(honest(parsed))
  assert.deepEqual((await site.call('offers')).offers, [])
  await closed(federation)
})

/** A decision of site a, signed by it, and then as `change` makes it. */
async function decide(federation: TestFederation, grant: object | string, signature?: string): Promise<unknown> {
  const { keys, call } = federation.site('a')
  const document = typeof grant === 'string' ? grant : canonicalJson(grant)
  return call('decide', {
    body: { document, signature: signature ?? sign(keys, 'wardround-grant-v1', document) },
  })
}

test('a decision counts if its site has signed it, about this plan, for itself', async () => {
  const federation = await testFederation(['a', 'b'])
  const parsed = parsedPlan()
  const study = await federation.publish(parsed, [])
  const grant = { version: 1, study, planHash: parsed.planHash, site: 'a', decision: 'approved', decidedAt: 1 }
  const { keys } = federation.site('a')
  const invalid = coded('WR_SIGNATURE_INVALID')
  const document = canonicalJson(grant)
  await assert.rejects(decide(federation, grant, sign(keys, 'wardround-proof-v1', document)), invalid)
  await assert.rejects(
    decide(federation, grant, sign(federation.site('b').keys, 'wardround-grant-v1', document)),
    invalid,
  )
  await assert.rejects(decide(federation, grant, sign(keys, 'wardround-grant-v1', `${document} `)), invalid)
  await assert.rejects(decide(federation, grant, 'nonsense'), invalid)
  await assert.rejects(decide(federation, { ...grant, planHash: 'f'.repeat(64) }), coded('WR_PLAN_ALTERED', { study }))
  await assert.rejects(decide(federation, { ...grant, site: 'b' }), coded('WR_TASK_FOREIGN'))
  await assert.rejects(decide(federation, { ...grant, study: 'nothing' }), coded('WR_NOT_FOUND', { name: 'nothing' }))
  for (const wrong of ['{', 'null', '{}', { ...grant, decision: 'maybe' }, { ...grant, note: '' }])
    await assert.rejects(decide(federation, wrong), coded('WR_BODY_INVALID', { field: 'document' }))
  await assert.rejects(decide(federation, { ...grant, reason: 'a\0b' }), coded('WR_BODY_INVALID', { field: 'reason' }))
  assert.deepEqual(await federation.world.store.decisions(study), [])
  await decide(federation, grant)
  const [row] = await federation.world.store.decisions(study)
  // Kept as it was signed, to be shown to whoever asks later.
  assert.ok(
    row !== undefined &&
      verify(ed25519, keys.publicKey, {
        context: 'wardround-grant-v1',
        document: row.grant,
        signature: row.signature,
      }),
  )
  await closed(federation)
})

test('a site that waits for work has it the moment it is there', async () => {
  const federation = await testFederation(['a', 'b'])
  const parsed = parsedPlan()
  const id = await federation.publish(parsed)
  const [a, b] = [federation.site('a'), federation.site('b')]
  const before = federation.world.clock.now()
  const waiting = a.call('nextTask', { query: { wait: 30 } })
  await asleep(federation.world.clock, 1)
  await federation.start(id)
  const { task } = await waiting
  assert.equal((JSON.parse(task?.document ?? '{}') as Task).site, 'a')
  assert.equal(federation.world.clock.now(), before)
  // It stays the next one until it is reported.
  assert.deepEqual((await a.call('nextTask', { query: { wait: 30 } })).task, task)
  assert.equal((await b.next())?.site, 'b')
  await closed(federation)
})

test('a site that waits in vain is told so when its time is over', async () => {
  const federation = await testFederation(['a'])
  const waiting = federation.site('a').call('nextTask', { query: { wait: 10 } })
  // Its signature is checked first, by another thread.
  await asleep(federation.world.clock, 1)
  await federation.pass(10_000)
  assert.deepEqual(await waiting, { task: null })
  await closed(federation)
})

/** A study whose sites are to train. */
async function training(names: readonly string[], world?: World) {
  const running = await startedStudy(names, { rounds: { maximum: 1 } }, world)
  await running.work((task, site) => (task.kind === 'train' ? 'silent' : honest(running.parsed)(task, site)))
  const tasks = new Map<string, Extract<Task, { kind: 'train' }>>()
  for (const site of running.sites) {
    const task = await site.next()
    assert.ok(task?.kind === 'train')
    tasks.set(site.site, task)
  }
  const taskOf = (name: string) => {
    const task = tasks.get(name)
    assert.ok(task !== undefined)
    return task
  }
  return { running, taskOf }
}

test('weights: whole, or from where a download broke off', async () => {
  const { running, taskOf } = await training(['a'])
  const { sha256, sizeBytes } = taskOf('a').weights
  const whole = Buffer.from(await running.world.blobs.read(sha256))
  const get = async (range?: string) => {
    const request = requestOf('blob', { params: { sha256 } })
    const headers = await asSite(running.site('a').signer)(request)
    return send(running.way, { ...request, headers: { ...headers, ...(range === undefined ? {} : { range }) } })
  }
  const all = await get()
  assert.equal(all.status, 200)
  assert.deepEqual(all.body, whole)
  assert.equal(all.headers['content-length'], String(sizeBytes))
  for (const start of [1, 8, sizeBytes - 1]) {
    const rest = await get(`bytes=${start}-`)
    assert.equal(rest.status, 206)
    assert.deepEqual(rest.body, whole.subarray(start))
    assert.equal(rest.headers['content-range'], `bytes ${start}-${sizeBytes - 1}/${sizeBytes}`)
  }
  // What is no such range is no range.
  for (const range of ['bytes=0-', 'bytes=-5', 'bytes=1-2', 'lines=1-', 'bytes=x-'])
    assert.deepEqual((await get(range)).body, whole, range)
  assert.equal((await get(`bytes=${sizeBytes}-`)).status, 400)
  const missing = running.site('a').call('blob', { params: { sha256: 'f'.repeat(64) } })
  await assert.rejects(missing, coded('WR_BLOB_MISSING'))
  await closed(running)
})

/** The next task of a site that says that it holds `holds`, if it says anything; `sizes` are of the whole answer. */
async function nextWith(running: TestFederation, site: string, holds?: string) {
  const request = requestOf('nextTask', {})
  const headers = { ...(holds === undefined ? {} : { [holdsHeader]: holds }) }
  const proof = await asSite(running.site(site).signer)(request)
  const { body } = await send(running.way, { ...request, headers: { ...headers, ...proof } })
  return routes.nextTask.answer.parse(JSON.parse(body.toString('utf8')))
}

test('small weights come with their task to a site that says that it takes them, and has others', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const { sha256: own, sizeBytes } = taskOf('a').weights
  const whole = Buffer.from(await running.world.blobs.read(own))
  for (const holds of [holdsNone, 'f'.repeat(64)])
    assert.deepEqual(Buffer.from((await nextWith(running, 'a', holds)).enclosed ?? '', 'base64'), whole)
  // Of an older version, and one that has them from the last round.
  for (const holds of [undefined, own]) {
    const { task, ...rest } = await nextWith(running, 'a', holds)
    assert.deepEqual([JSON.parse(task?.document ?? '').id, rest], [taskOf('a').id, {}])
  }
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  await running.site('a').perform(taskOf('a'), { update })
  await running.coordinator.idle()
  assert.deepEqual(await nextWith(running, 'a', holdsNone), { task: null })
  // What left with tasks is counted as what is asked for.
  assert.equal((await running.world.store.traffic(running.id)).down, 2 * sizeBytes)
  await closed(running)
})

test('weights that are damaged, or large, do not come with their task: they are asked for by name', async () => {
  const { running, taskOf } = await training(['a'])
  const { sha256 } = taskOf('a').weights
  const { blobs } = running.world
  const task = (await running.world.store.openTask('a')) ?? assert.fail()
  const asked = { name: 'a', headers: { [holdsHeader]: holdsNone } }
  const given = (change: Partial<typeof blobs>) =>
    enclosing({
      blobs: keptBlobs({ ...running.world, blobs: { ...blobs, ...change }, log: () => undefined }),
      bytesDown: new Map(),
    })(task, asked)
  assert.equal(typeof (await given({})).enclosed, 'string')
  const missing = async () => {
    throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  }
  assert.deepEqual(await given({ read: missing }), {})
  assert.deepEqual(await given({ size: missing }), {})
  assert.deepEqual(await given({ size: async () => enclosedLimitBytes + 1 }), {})
  await closed(running)
})

test('a site gets what its open tasks name, and nothing else, by whatever name it knows it', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const get = (site: string, sha256: string) => running.site(site).call('blob', { params: { sha256 } })
  const refused = async (site: string, sha256: string) =>
    assert.rejects(get(site, sha256), coded('WR_BLOB_MISSING', { sha256 }))
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  await running.site('a').perform(taskOf('a'), { update })
  assert.ok(await running.world.blobs.has(sha256(update)))
  await refused('b', sha256(update))
  await refused('a', sha256(update))
  // Its task is done.
  await refused('a', taskOf('a').weights.sha256)
  await get('b', taskOf('b').weights.sha256)
  await closed(running)
})

test('an update in pieces, from where it broke off, by its own site while its task is open', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const [a, b] = [running.site('a'), running.site('b')]
  const params = { task: taskOf('a').id }
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  const put = (offset: number, end: number) => a.call('upload', pieceOf(params.task, update, { offset, end }))
  const state = async () => (await a.call('uploadState', { params })).receivedBytes
  assert.equal(await state(), 0)
  assert.deepEqual(await put(0, 100), { receivedBytes: 100, task: null })
  await assert.rejects(put(101, 150), coded('WR_UPLOAD_OFFSET', { receivedBytes: 100 }))
  assert.deepEqual(await put(0, 100), { receivedBytes: 100, task: null })
  assert.equal(await state(), 100)
  await assert.rejects(b.call('uploadState', { params }), coded('WR_TASK_FOREIGN'))
  await assert.rejects(b.call('upload', pieceOf(params.task, update, { offset: 100 })), coded('WR_TASK_FOREIGN'))
  const unknown = a.call('uploadState', { params: { task: 'nothing' } })
  await assert.rejects(unknown, coded('WR_NOT_FOUND', { what: 'task', name: 'nothing' }))
  const beyond = { ...pieceOf(params.task, update, { offset: 100 }), bytes: update }
  await assert.rejects(a.call('upload', beyond), coded('WR_BODY_INVALID', { field: 'offset' }))
  assert.equal(await state(), 100)
  assert.deepEqual(await put(100, update.length), { receivedBytes: update.length, task: null })
  // The last piece made it the result of the task.
  assert.equal((await running.world.store.task(params.task))?.state, 'reported')
  assert.deepEqual(await put(0, 100), { receivedBytes: update.length, task: null })
  const other = updateBytes(running.parsed, new Float32Array(7).fill(2))
  await assert.rejects(a.call('upload', pieceOf(params.task, other)), coded('WR_TASK_CLOSED'))
  await closed(running)
})

test('the next task comes with the thanks for the last one, as soon as it is there', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const [a, b] = [running.site('a'), running.site('b')]
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  const whole = pieceOf(taskOf('a').id, update)
  const waiting = a.call('upload', { ...whole, query: { ...whole.query, wait: 30 } })
  // The round's deadline, and site a.
  await asleep(running.world.clock, 2)
  assert.equal((await running.world.store.task(taskOf('a').id))?.state, 'reported')
  await b.perform(taskOf('b'), { update })
  const given = (await waiting).task
  const task = JSON.parse(given?.document ?? '{}') as Task
  assert.deepEqual([task.kind, task.site], ['evaluate', 'a'])
  // The same again while it is open: the same answer, at once.
  const again = await a.call('upload', { ...whole, query: { ...whole.query, wait: 30 } })
  assert.deepEqual(again.task, given)
  const figure = { kind: 'evaluate', on: 'training', figure: null } as const
  const measured = a.call('report', { params: { task: task.id }, query: { wait: 10 }, body: figure })
  await asleep(running.world.clock, 2)
  await running.pass(10_000)
  assert.deepEqual(await measured, { task: null })
  await closed(running)
})

test('nobody waits for a site that hung up while its result was taken in', async () => {
  const world = await testWorld()
  let held: Promise<void> | undefined
  const store: Store = {
    ...world.store,
    async transaction(work) {
      const done = await world.store.transaction(work)
      await held
      return done
    },
  }
  const { running, taskOf } = await training(['a', 'b'], { ...world, store })
  const { clock } = running.world
  const port = await running.coordinator.listen({ host: '127.0.0.1', port: 0 })
  const whole = pieceOf(taskOf('a').id, updateBytes(running.parsed, new Float32Array(7).fill(1)))
  const asked = requestOf('upload', { ...whole, query: { ...whole.query, wait: 30 } })
  const headers = { ...asked.headers, ...(await asSite(running.site('a').signer)(asked)) }
  const { promise, resolve: release } = Promise.withResolvers<void>()
  held = promise
  const { method, path, body } = asked
  const line = request({ port, host: '127.0.0.1', method, path, headers }).on('error', () => undefined)
  line.end(body)
  while ((await store.task(taskOf('a').id))?.state !== 'reported') await turn()
  line.destroy()
  const connections = () =>
    new Promise<number>((resolve) => running.coordinator.app.server.getConnections((_, count) => resolve(count)))
  while ((await connections()) > 0) await turn()
  const aWhile = async (): Promise<void> => {
    for (let turns = 0; turns < 100; turns++) await turn()
  }
  // The answer hears of it a little later than the server.
  await aWhile()
  release()
  held = undefined
  await aWhile()
  // The round's deadline, and nobody else.
  assert.equal(clock.alarms().length, 1)
  await closed(running)
})

test('an update that says it is larger than any of its study counts as a failure, and nothing of it is kept', async () => {
  const { running, taskOf } = await training(['a'])
  const { id } = taskOf('a')
  const announced = { sha256: 'f'.repeat(64), sizeBytes: 2 ** 40 }
  const huge = running.site('a').call('upload', pieceOf(id, new Uint8Array(100), { announced }))
  await assert.rejects(huge, coded('WR_BODY_TOO_LARGE'))
  assert.equal(await running.world.blobs.staged.receivedBytes(id), 0)
  await running.coordinator.idle()
  assert.equal((await running.world.store.task(id))?.state, 'failed')
  await closed(running)
})

test('half a character in a text is refused where it comes in, and never a fault of ours', async () => {
  const { running, taskOf } = await training(['a', 'b', 'c', 'd'])
  const raw = async (body: string) => {
    const request: Request = { method: 'POST', path: `/v1/site/tasks/${taskOf('a').id}/result`, body }
    return send(running.way, { ...request, headers: await asSite(running.site('a').signer)(request) })
  }
  const report = { kind: 'failed', code: 'WR_DISK', parameters: { reason: '\ud800' }, refused: false }
  assert.equal((await raw(JSON.stringify(report))).status, 400)
  assert.equal((await raw('{"kind":"evaluate","on":"training","figure":1e999}')).status, 400)
  assert.equal((await running.world.store.task(taskOf('a').id))?.state, 'open')
  const [spec] = specsOf(running.parsed)
  assert.ok(spec !== undefined)
  const named = (name: string) => encodeSafetensors([{ name, shape: [0], data: new Float32Array() }])
  // Told in its first 60 letters, which end in the middle of a character.
  const cut = running.site('b').perform(taskOf('b'), { update: named(`${'x'.repeat(59)}😀`) })
  await assert.rejects(cut, coded('WR_WEIGHTS_SHAPE'))
  const broken = running.site('c').perform(taskOf('c'), { update: named('\ud800') })
  await assert.rejects(broken, coded('WR_WEIGHTS_INVALID'))
  const facts = { numExamples: 20, measurements: { '\ud800': 1 } }
  const weights = unflatten(specsOf(running.parsed), new Float32Array(7))
  const said = encodeSafetensors(weights, { wardround: JSON.stringify(facts) })
  await assert.rejects(running.site('d').perform(taskOf('d'), { update: said }), coded('WR_WEIGHTS_INVALID'))
  await running.coordinator.idle()
  const { failures } = await running.detail()
  assert.deepEqual(failures.map(({ site, code }) => `${site} ${code}`).toSorted(), [
    'b WR_WEIGHTS_SHAPE',
    'c WR_WEIGHTS_INVALID',
    'd WR_WEIGHTS_INVALID',
  ])
  await closed(running)
})

test('an update that another site has sent too is taken from each', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const same = { update: updateBytes(running.parsed, new Float32Array(7).fill(1)) }
  for (const name of ['a', 'b']) await running.site(name).perform(taskOf(name), same)
  await running.coordinator.idle()
  await running.work(honest(running.parsed))
  assert.deepEqual((await running.results()).contributed, ['a', 'b'])
  await closed(running)
})

test('progress is heard, and changes nothing', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const before = await running.events()
  const params = { task: taskOf('a').id }
  await running.site('a').call('progress', { params, body: { done: 0.25 } })
  assert.deepEqual(running.lines.findLast(({ message }) => message === 'progress')?.fields, {
    site: 'a',
    task: params.task,
    done: 0.25,
  })
  assert.deepEqual(await running.events(), before)
  await assert.rejects(running.site('b').call('progress', { params, body: { done: 1 } }), coded('WR_TASK_FOREIGN'))
  await closed(running)
})

test('bytes: every report and update up, every download down, once each', async () => {
  const { running, taskOf } = await training(['a', 'b'])
  const { sha256, sizeBytes } = taskOf('a').weights
  const counted = async () => {
    const { up, down } = await running.world.store.traffic(running.id)
    return [up, down]
  }
  // Two surveys, as they were sent; sites that download nothing have received nothing.
  let up = 2 * JSON.stringify({ kind: 'prepare', survey: survey() }).length
  assert.deepEqual(await counted(), [up, 0])
  const request = requestOf('blob', { params: { sha256 } })
  const download = async (headers: Record<string, string>) =>
    send(running.way, { ...request, headers: { ...headers, ...(await asSite(running.site('a').signer)(request)) } })
  await download({})
  await download({ range: 'bytes=8-' })
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  await running.site('a').perform(taskOf('a'), { update })
  await running.coordinator.idle()
  up += update.length
  assert.deepEqual(await counted(), [up, sizeBytes + sizeBytes - 8])
  // The same again costs nothing more.
  await running.site('a').perform(taskOf('a'), { update })
  assert.deepEqual(await counted(), [up, sizeBytes + sizeBytes - 8])
  await running.site('b').perform(taskOf('b'), { update })
  await running.coordinator.idle()
  up += update.length
  assert.deepEqual(await counted(), [up, sizeBytes + sizeBytes - 8])
  await closed(running)
})
