/** The first weights of a study whose model is from a file: handed in, held against the plan, kept, and mended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plannedModel } from '@wardround/core/graph/import/planned.ts'
import { smallFile } from '@wardround/core/graph/testing/small-file.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { coded } from '../testing/errors.ts'
import { honest, type TestFederation, testFederation } from '../testing/federation.ts'
import { digestsIn } from '../testing/needs.ts'
import { asSite, send, sha256 } from '../testing/requests.ts'
import { smallPlan, specsOf } from '../testing/study.ts'

type Published = TestFederation & {
  readonly parsed: ParsedStudy
  readonly id: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly digest: string
  give(bytes?: Uint8Array, pieceBytes?: number): Promise<void>
}

function fileStudy(more: object = {}): { parsed: ParsedStudy; weights: Weights; bytes: Uint8Array<ArrayBuffer> } {
  const { graph, weights } = plannedModel(smallFile())
  const bytes = encodeWeights(weights)
  const onnx = { graph, weights: { sha256: sha256(bytes), sizeBytes: bytes.length } }
  return { parsed: validatePlan({ ...smallPlan(), model: { onnx, ...more } }), weights, bytes }
}

async function published(more: object = {}): Promise<Published> {
  const federation = await testFederation(['a', 'b'])
  const { parsed, bytes } = fileStudy(more)
  const id = await federation.publish(parsed)
  return {
    ...federation,
    parsed,
    id,
    bytes,
    digest: sha256(bytes),
    async give(given = bytes, pieceBytes = given.length) {
      for (let offset = 0; offset < given.length; ) {
        const asked = { params: { study: id }, query: { offset, sizeBytes: bytes.length } }
        const piece = { bytes: given.subarray(offset, offset + pieceBytes) }
        offset = (await federation.account('giveWeights', { ...asked, ...piece })).receivedBytes
      }
    },
  }
}

test('a study waits for its first weights, and takes those of its plan alone', async (t) => {
  const { give, start, id, bytes, digest, account, world, close } = await published()
  t.after(close)
  await assert.rejects(start(id), coded('WR_STUDY_WEIGHTS'))
  const turned = Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))
  await assert.rejects(give(turned), coded('WR_DIGEST_MISMATCH'))
  await assert.rejects(
    account('giveWeights', { params: { study: id }, query: { offset: 0, sizeBytes: 4 }, bytes: bytes.subarray(0, 4) }),
    coded('WR_BODY_INVALID'),
  )
  await assert.rejects(
    account('giveWeights', { params: { study: 'none' }, query: { offset: 0, sizeBytes: 4 }, bytes: bytes.subarray(4) }),
    coded('WR_NOT_FOUND'),
  )
  await assert.rejects(start(id), coded('WR_STUDY_WEIGHTS'))
  assert.deepEqual(await digestsIn(world.blobs), [])
  await give(bytes, 100)
  await give()
  assert.deepEqual(await digestsIn(world.blobs), [digest])
  await start(id)
})

test('a study with layers has none to give', async (t) => {
  const federation = await testFederation(['a'])
  t.after(federation.close)
  const id = await federation.publish(validatePlan(smallPlan()))
  const asked = { params: { study: id }, query: { offset: 0, sizeBytes: 4 }, bytes: Uint8Array.of(1, 2, 3, 4) }
  await assert.rejects(federation.account('giveWeights', asked), coded('WR_BODY_INVALID'))
  const named = { params: { study: id }, query: { format: 'network' as const } }
  await federation.start(id)
  await federation.work(honest(validatePlan(smallPlan())))
  await assert.rejects(federation.account('model', named), coded('WR_BODY_INVALID'))
})

test('values that no training gives are no first weights, whatever the plan says', async (t) => {
  const federation = await testFederation(['a'])
  t.after(federation.close)
  const { graph, weights } = plannedModel(smallFile())
  const bytes = encodeWeights(weights.map((tensor) => ({ ...tensor, data: tensor.data.map(() => Number.NaN) })))
  const onnx = { graph, weights: { sha256: sha256(bytes), sizeBytes: bytes.length } }
  const id = await federation.publish(validatePlan({ ...smallPlan(), model: { onnx } }))
  const asked = { params: { study: id }, query: { offset: 0, sizeBytes: bytes.length }, bytes }
  await assert.rejects(federation.account('giveWeights', asked), coded('WR_WEIGHTS_NOT_FINITE'))
  await assert.rejects(federation.start(id), coded('WR_STUDY_WEIGHTS'))
  assert.deepEqual(await digestsIn(federation.world.blobs), [])
})

test('what was handed in stays with the study, is what round 1 starts from, and reaches whoever works on it', async (t) => {
  const running = await published({ frozen: ['hidden.*'], personal: ['out.bias'] })
  t.after(running.close)
  const { parsed, id, digest, world, account } = running
  assert.deepEqual(
    specsOf(parsed).map(({ name }) => name),
    ['out.weight'],
  )
  await running.give()
  await running.start(id)
  const fetched = async (site: string, asked = digest): Promise<{ status: number; body: Uint8Array }> => {
    const request = { method: 'GET', path: `/v1/site/blobs/${asked}` }
    return send(running.way, { ...request, headers: await asSite(running.site(site).signer)(request) })
  }
  const seen: string[] = []
  const usual = honest(parsed)
  await running.work((task, name) => {
    if (task.kind === 'train' && task.round === 1) seen.push(task.weights.sha256)
    return task.kind === 'train' && task.round === 2 && name === 'b' ? 'silent' : usual(task, name)
  })
  const { weights } = fileStudy()
  assert.deepEqual(new Set(seen), new Set([sha256(encodeWeights(weights.filter(({ name }) => name === 'out.weight')))]))
  const given = await fetched('b')
  assert.deepEqual([given.status, sha256(given.body)], [200, digest])
  const others: number[] = []
  for (const other of await digestsIn(world.blobs))
    if (other !== digest) others.push((await fetched('b', other)).status)
  // What the round starts from, and not what another site has sent for it.
  assert.deepEqual(others.toSorted(), [200, 404, 404])
  // Who has nothing to do for it does not get it.
  assert.equal((await fetched('a')).status, 404)
  await running.work(usual)
  assert.equal((await account('study', { params: { study: id } })).state, 'ended')
  assert.ok((await digestsIn(world.blobs)).includes(digest))
})

test('lost, they are named as such and can be handed in again; what follows from them is made again', async (t) => {
  const running = await published({ frozen: ['hidden.*'] })
  t.after(running.close)
  const { parsed, id, digest, world, account } = running
  await running.give()
  await running.start(id)
  await running.work(honest(parsed))
  const [first] = await world.store.rounds(id)
  const { sha256: start } = JSON.parse(first?.weights_in ?? '') as { sha256: string }
  for (const lost of [digest, start]) await world.blobs.delete(lost)
  const lostNow = async () => [...(await account('study', { params: { study: id } })).lost].toSorted()
  const model = () => account('model', { params: { study: id }, query: { format: 'onnx' } })
  await assert.rejects(model(), coded('WR_BLOB_MISSING'))
  await running.give()
  assert.deepEqual(await lostNow(), [])
  await account('exportStudy', { params: { study: id } })
  assert.equal(await world.blobs.has(start), true)
})
