/** What a study must be that has gone from one coordinator to another as a file, whatever databases they have. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Store } from '../store/store.ts'
import { coded } from '../testing/errors.ts'
import { except, honest, type Running, startedStudy, testFederation, testWorld } from '../testing/federation.ts'
import { nothingLeft, nothingMissing } from '../testing/needs.ts'
import { asAccount, send } from '../testing/requests.ts'
import { failed } from '../testing/site.ts'

export const change = { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 3, quorum: 1 } }

/** An ended study in which b failed once. */
export async function ended(store?: Store): Promise<Running> {
  const running = await startedStudy(['a', 'b'], change, await testWorld(store === undefined ? {} : { store }))
  const usual = honest(running.parsed, { delta: (round, site) => (site === 'a' ? 1 : 3) / round })
  const broken = except(usual, (task, site) =>
    task.kind === 'train' && task.round === 2 && site === 'b' ? failed('WR_DISK') : undefined,
  )
  await running.work(broken)
  return running
}

export async function exported({ way, secret, id }: Pick<Running, 'way' | 'secret' | 'id'>): Promise<Buffer> {
  const headers = await asAccount(secret)({ method: 'GET', path: '' })
  const { status, body } = await send(way, { method: 'GET', path: `/v1/studies/${id}/export`, headers })
  assert.equal(status, 200)
  return body
}

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

type Federation = Awaited<ReturnType<typeof testFederation>>
export const imported = async (
  { account }: Pick<Federation, 'account'>,
  bytes: Uint8Array,
  pieceBytes = bytes.length,
) => {
  for (let offset = 0; ; ) {
    const asked = { params: { sha256: digest(bytes) }, query: { offset, sizeBytes: bytes.length } }
    const answer = await account('importStudy', { ...asked, bytes: bytes.subarray(offset, offset + pieceBytes) })
    if (answer.study !== null) return answer.study
    offset = answer.receivedBytes
  }
}

/** `open` gives an empty store each time. */
export function archiveSuite(name: string, open: () => Promise<Store>): void {
  let known: Promise<{ running: Running; file: Buffer }> | undefined
  const made = () => {
    known ??= open()
      .then(ended)
      .then(async (running) => ({ running, file: await exported(running) }))
    return known
  }
  test(`${name}: what another coordinator takes in is the study: its result, its rounds, who failed and why, its model, its events`, async () => {
    const { running, file } = await made()
    const there = await testFederation(['north'], await testWorld({ store: await open() }))
    const summary = await imported(there, file, 1000)
    const { keys } = running.world
    assert.equal(summary.imported?.coordinatorKey, keys.publicKey)
    const params = { study: running.id }
    const [before, after] = [await running.detail(), await there.account('study', { params })]
    const { imported: _, sequence: __, ...rest } = after
    const { sequence: ___, ...wanted } = before
    assert.deepEqual(rest, wanted)
    assert.equal(rest.failures.length, 1)
    assert.deepEqual(await there.account('results', { params }), await running.results())
    assert.deepEqual(await there.account('weights', { params }), await running.account('weights', { params }))
    const model = { method: 'GET', path: `/v1/studies/${running.id}/model?format=onnx` }
    const [here, there2] = await Promise.all(
      [running, there].map(async ({ way, secret }) =>
        send(way, { ...model, headers: await asAccount(secret)({ ...model }) }),
      ),
    )
    assert.deepEqual(there2?.body, here?.body)
    const story = (events: { kind: string; at: string; payload: object; study: string | null }[]) =>
      events.filter(({ study }) => study === running.id).map(({ kind, at, payload }) => ({ kind, at, payload }))
    const events = story(await there.events())
    assert.deepEqual(events.slice(1), story(await running.events()))
    assert.deepEqual(events[0]?.kind, 'study.imported')
    await nothingMissing(there.world.store, there.world.blobs)
    await nothingLeft(there.world.store, there.world.blobs)
    assert.equal((await there.account('audit')).holds, true)
    assert.equal((await there.account('audit')).entries.at(-1)?.kind, 'study.imported')
    await there.close()
  })

  test(`${name}: nobody trains, decides on or exports again what was imported; nobody imports it twice`, async () => {
    const { running, file } = await made()
    const there = await testFederation(['a'], await testWorld({ store: await open() }))
    await imported(there, file)
    const params = { study: running.id }
    await assert.rejects(there.account('start', { params, body: {} }), coded('WR_STUDY_STATE'))
    await assert.rejects(there.account('stop', { params, body: {} }), coded('WR_STUDY_STATE'))
    await assert.rejects(there.account('publish', { body: { plan: running.parsed.plan } }), coded('WR_STUDY_EXISTS'))
    await assert.rejects(there.site('a').decide(running.id, running.parsed.planHash), coded('WR_STUDY_STATE'))
    assert.deepEqual((await there.site('a').call('offers')).offers, [])
    await assert.rejects(there.account('exportStudy', { params }), coded('WR_STUDY_STATE'))
    const events = (await there.events()).length
    await assert.rejects(imported(there, file), coded('WR_STUDY_EXISTS'))
    await assert.rejects(imported(running, file), coded('WR_STUDY_EXISTS'))
    assert.equal((await there.events()).length, events)
    await nothingLeft(there.world.store, there.world.blobs)
    await there.close()
  })
}
