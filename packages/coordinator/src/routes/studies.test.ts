import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planHash } from '@wardround/core/protocol/canonical.ts'
import type { Store } from '../store/store.ts'
import { closed } from '../testing/closed.ts'
import { coded } from '../testing/errors.ts'
import { honest, startedStudy, testFederation, testWorld } from '../testing/federation.ts'
import { asAccount, requestOf, send } from '../testing/requests.ts'
import { parsedPlan, smallPlan } from '../testing/study.ts'

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

/** Everything that showing a study reads. */
const reads = ['study', 'studyTasks', 'decisions', 'rounds', 'lastSequence'] as const

for (const read of reads)
  test(`what a study shows never claims an event that it does not show, also if it happens just after reading ${read}`, async () => {
    const world = await testWorld()
    let meanwhile: (() => Promise<void>) | undefined
    const once = async <T>(found: Promise<T>): Promise<T> => {
      const rows = await found
      const act = meanwhile
      meanwhile = undefined
      await act?.()
      return rows
    }
    const original = world.store[read] as (...given: unknown[]) => Promise<unknown>
    const store: Store = { ...world.store, [read]: (...given: unknown[]) => once(original(...given)) }
    const federation = await testFederation(['a'], { ...world, store })
    const parsed = parsedPlan()
    const id = await federation.publish(parsed, [])
    meanwhile = () => federation.site('a').decide(id, parsed.planHash)
    const { sequence, decisions } = await federation.account('study', { params: { study: id } })
    assert.equal(meanwhile, undefined)
    // Who goes on from there hears of the decision, if it was not shown.
    const { events } = await federation.account('events', { query: { after: sequence } })
    assert.ok(decisions.length === 1 || events.some(({ kind }) => kind === 'study.decided'))
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
