import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registry } from '@wardround/core/errors.ts'
import { planHash } from '@wardround/core/protocol/canonical.ts'
import type { Store } from '../store/store.ts'
import { closed } from '../testing/closed.ts'
import { coded } from '../testing/errors.ts'
import { honest, startedStudy, testFederation, testWorld } from '../testing/federation.ts'
import { asAccount, requestOf, send } from '../testing/requests.ts'
import { parsedPlan, smallPlan, studyIdOf } from '../testing/study.ts'

test('a study is published once, under a name that holds its hash', async () => {
  const federation = await testFederation([])
  const plan = smallPlan()
  const published = await federation.account('publish', { body: { plan } })
  // The hash is of the whole plan, with defaults filled in.
  const wanted = parsedPlan()
  assert.equal(published.planHash, planHash(wanted.plan))
  assert.equal(published.id, `small-${published.planHash.slice(0, 8)}`)
  assert.deepEqual(
    [published.state, published.round, published.outcome, published.decisions],
    ['published', 0, null, []],
  )
  await assert.rejects(
    federation.account('publish', { body: { plan } }),
    coded('WR_STUDY_EXISTS', { study: published.id }),
  )
  await assert.rejects(
    federation.account('publish', { body: { plan: { ...plan, rounds: { maximum: 0 } } } }),
    coded('WR_STUDY_INVALID', { field: 'rounds.maximum' }),
  )
  const { id } = await federation.account('publish', { body: { plan: smallPlan({ rounds: { maximum: 3 } }) } })
  assert.deepEqual(
    (await federation.account('studies')).studies.map((study) => study.id),
    [published.id, id].toSorted(),
  )
  const missing = coded('WR_NOT_FOUND', { what: 'study', name: 'nothing' })
  for (const name of ['study', 'start', 'stop', 'results', 'weights'] as const)
    await assert.rejects(federation.account(name, { params: { study: 'nothing' } }), missing)
  await closed(federation)
})

/** The store, with `heard` told of each method that has been called. */
const overheard = (store: Store, heard: (name: string) => Promise<void>): Store => {
  const wrapped = Object.entries(store as Record<string, (...given: unknown[]) => unknown>).map(([name, method]) => {
    if (name === 'transaction' || name === 'onEvents' || name === 'close') return [name, method]
    const call = async (...given: unknown[]): Promise<unknown> => {
      const found = await method(...given)
      await heard(name)
      return found
    }
    return [name, call]
  })
  return Object.fromEntries(wrapped) as Store
}

test('what a study shows never claims an event that it does not show, after whatever reading it happens', async () => {
  const world = await testWorld()
  let heard: (name: string) => Promise<void> = async () => undefined
  const federation = await testFederation(['a'], { ...world, store: overheard(world.store, (name) => heard(name)) })
  const [site] = federation.sites
  const show = async (number: number, meanwhile: (study: string, read: string, planHash: string) => Promise<void>) => {
    const parsed = parsedPlan({ name: `study-${number}` })
    const id = await federation.publish(parsed, [])
    heard = (name) => meanwhile(id, name, parsed.planHash)
    const shown = await federation.account('study', { params: { study: id } })
    heard = async () => undefined
    return shown
  }
  const reads: string[] = []
  await show(0, async (_, name) => void reads.push(name))
  assert.ok(reads.includes('lastSequence') && reads.includes('decisions'), reads.join())
  for (const index of reads.keys()) {
    let read = 0
    const { sequence, decisions, id } = await show(index + 1, async (study, _, planHash) => {
      read += 1
      if (read === index + 1) await site?.decide(study, planHash)
    })
    // Who goes on from there hears of the decision, if it was not shown.
    const { events } = await federation.account('events', { query: { after: sequence, study: id } })
    const told = events.some(({ kind }) => kind === 'study.decided')
    assert.ok(decisions.length === 1 || told, `after reading ${reads[index]}`)
  }
  await closed(federation)
})

test('of several who publish or start the same study at once, one does, and the others are told', async () => {
  const federation = await testFederation(['a'])
  const parsed = parsedPlan()
  const race = async (act: () => Promise<unknown>, code: string): Promise<void> => {
    const settled = await Promise.allSettled([act(), act(), act(), act()])
    const refused = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    assert.equal(refused.length, 3)
    for (const reason of refused) assert.ok(coded(code)(reason))
  }
  await race(() => federation.account('publish', { body: { plan: parsed.plan } }), 'WR_STUDY_EXISTS')
  const id = studyIdOf(parsed)
  await federation.site('a').decide(id, parsed.planHash)
  await race(() => federation.account('start', { params: { study: id }, body: {} }), 'WR_STUDY_STATE')
  await federation.coordinator.idle()
  const kinds = (await federation.events()).map(({ kind }) => kind)
  for (const kind of ['study.published', 'study.started', 'task.assigned'])
    assert.equal(kinds.filter((other) => other === kind).length, 1, kind)
  await closed(federation)
})

test('the model is the blob of the best round, as a file to keep', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 1 } })
  const model = async (format: 'safetensors' | 'onnx') => {
    const request = requestOf('model', { params: { study: running.id }, query: { format } })
    return send(running.way, { ...request, headers: await asAccount(running.secret)(request) })
  }
  await running.work(honest(running.parsed))
  const { weights } = await running.account('weights', { params: { study: running.id } })
  const { body, headers } = await model('safetensors')
  assert.deepEqual(body, Buffer.from(await running.world.blobs.read(weights.sha256)))
  assert.equal(headers['content-disposition'], `attachment; filename="${running.id}.safetensors"`)
  const onnx = await model('onnx')
  assert.equal(onnx.headers['content-disposition'], `attachment; filename="${running.id}.onnx"`)
  // Seven weights; the first two, hidden.weight, are in it bit for bit.
  const values = body.subarray(body.length - 7 * 4)
  assert.ok(onnx.body.includes(values.subarray(0, 2 * 4)))
  await closed(running)
})

test('a model that is lost is refused before its first byte', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 1 } })
  await running.work(honest(running.parsed))
  const { weights } = await running.account('weights', { params: { study: running.id } })
  await running.world.blobs.delete(weights.sha256)
  for (const format of ['safetensors', 'onnx'] as const) {
    const request = requestOf('model', { params: { study: running.id }, query: { format } })
    const { status } = await send(running.way, { ...request, headers: await asAccount(running.secret)(request) })
    assert.equal(status, registry.WR_BLOB_MISSING.status)
  }
  await running.coordinator.close()
})
