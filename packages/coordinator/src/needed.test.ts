/** What a study keeps of its blobs, from its start to its end. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { blobRefSchema } from '@wardround/core/protocol/task.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { folderBlobs } from './blobs/fs.ts'
import { memoryBlobs } from './blobs/memory.ts'
import { recentBlobs } from './blobs/recent.ts'
import { appendTo } from './testing/append.ts'
import { closed } from './testing/closed.ts'
import { except, honest, type Running, startCoordinator, startedStudy, testWorld } from './testing/federation.ts'
import { digestsIn, nothingLeft, nothingMissing } from './testing/needs.ts'
import { sha256 } from './testing/requests.ts'
import { scratch } from './testing/scratch.ts'
import type { Behaviour } from './testing/site.ts'
import { deadlineMs, parsedPlan, studyIdOf } from './testing/study.ts'

const digestOf = (ref: string | null | undefined): string => blobRefSchema.parse(JSON.parse(ref ?? 'null')).sha256

async function bytesIn(blobs: BlobStore): Promise<number> {
  let bytes = 0
  for (const digest of await digestsIn(blobs)) bytes += await blobs.size(digest)
  return bytes
}

const silentFrom =
  (usual: Behaviour, round: number): Behaviour =>
  (task, site) =>
    task.kind === 'train' && task.round === round ? 'silent' : usual(task, site)

test('after any number of rounds a study keeps the same bytes; in the end two models', async () => {
  const rounds = { maximum: 12, stop: { metric: 'loss', patience: 20 } }
  const running = await startedStudy(['a', 'b'], { strategy: { fedAdam: { rate: 0.1 } }, rounds })
  const { blobs, store } = running.world
  // Each round comes to other weights; the first stays the best.
  const usual = honest(running.parsed, {
    delta: (round, site) => (site === 'a' ? round : -0.5),
    loss: (round) => round,
  })
  const kept: number[] = []
  for (let round = 5; round <= 12; round++) {
    await running.work(silentFrom(usual, round))
    kept.push(await bytesIn(blobs))
    await nothingLeft(store, blobs)
  }
  const weightsBytes = await blobs.size(digestOf((await running.rounds())[0]?.weights_in))
  // The first weights, the best ones, what the round before came from and came to; FedAdam's two moments, 7 Float64 each.
  assert.deepEqual(
    kept,
    Array.from({ length: 8 }, () => 4 * weightsBytes + 2 * 7 * 8),
  )
  await running.work(usual)
  assert.equal(await bytesIn(blobs), 2 * weightsBytes)
  const results = await running.results()
  const [first] = await running.rounds()
  assert.deepEqual((await digestsIn(blobs)).toSorted(), [digestOf(first?.weights_in), results.weightsSha256].toSorted())
  assert.equal(results.bestRound, 1)
  const way = { app: () => running.coordinator.app }
  const answer = await way.app().inject({
    url: `/v1/studies/${running.id}/model?format=safetensors`,
    headers: { authorization: `Bearer ${running.secret}` },
  })
  assert.equal(sha256(answer.rawPayload), results.weightsSha256)
  await closed(running)
})

test('updates stay until their round has ended, and so does the state from which it would be aggregated again', async () => {
  const running = await startedStudy(['a', 'b'], { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 3 } })
  const { blobs, store } = running.world
  const usual = honest(running.parsed, { delta: (round, site) => (site === 'a' ? round : -0.5) })
  await running.work(except(usual, (task) => (task.kind === 'evaluate' && task.round === 2 ? 'silent' : undefined)))
  const [first, second] = await running.rounds()
  assert.equal(second?.phase, 'evaluating')
  const updates = (await store.tasksOf(running.id, 'train', 2)).map(
    ({ result }) => JSON.parse(result ?? '').update.sha256,
  )
  const states = [first, second].flatMap((round) =>
    Object.values(JSON.parse(round?.strategy_state ?? '{}') as Record<string, { sha256: string }>),
  )
  for (const digest of [...updates, ...states.map(({ sha256 }) => sha256)]) assert.ok(await blobs.has(digest), digest)
  assert.equal(updates.length + states.length, 2 + 4)
  await running.work(silentFrom(usual, 3))
  for (const digest of updates) assert.equal(await blobs.has(digest), false)
  await running.work(usual)
  await closed(running)
})

test('a site that is late with a round can still fetch what the round started from, until the next one has ended', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 4, quorum: 1 } })
  const usual = honest(running.parsed, { delta: (round) => round })
  const late = running.site('b')
  await running.work(
    except(usual, (task, site) => (task.kind === 'train' && task.round === 2 && site === 'b' ? 'silent' : undefined)),
  )
  const task = await late.next()
  assert.ok(task?.kind === 'train' && task.round === 2)
  await running.pass(deadlineMs)
  await running.work(silentFrom(usual, 3))
  assert.equal((await running.rounds()).length, 3)
  const { blobs } = running.world
  assert.ok(await blobs.has(task.weights.sha256))
  await running.work(silentFrom(usual, 4))
  assert.equal(await blobs.has(task.weights.sha256), false)
  await running.work(usual)
  await closed(running)
})

test('an update that may count later stays until it has counted, and so does what is still being trained from', async () => {
  const late = { exponent: 0.5, maximum: 3 }
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 6, quorum: 1, late } })
  const { blobs, store } = running.world
  const usual = honest(running.parsed, {
    delta: (round, site) => round + site.charCodeAt(0),
    loss: (round) => 1 / round,
  })
  const slow: Behaviour = (task, site) =>
    task.kind === 'train' && task.round > 1 && site !== 'a' ? 'silent' : usual(task, site)
  const training = new Map<string, string>()
  for (let round = 2; round <= 4; round++) {
    await running.work(slow)
    for (const site of ['b', 'c']) {
      const task = await running.site(site).next()
      assert.ok(task?.kind === 'train' && task.round === 2)
      training.set(site, task.weights.sha256)
    }
    await running.pass(deadlineMs)
  }
  // Round 3 has ended, and both still train for round 2; b reports, and counts when round 5 has waited for c, in vain.
  for (const sha256 of training.values()) assert.ok(await blobs.has(sha256))
  const b = running.site('b')
  const task = await b.next()
  assert.ok(task !== undefined)
  await b.perform(task, usual(task, 'b'))
  await nothingMissing(store, blobs)
  await running.work(slow)
  await running.pass(deadlineMs)
  await running.work(usual)
  await running.pass(6 * deadlineMs)
  await running.work(usual)
  assert.equal((await running.results()).rounds.length, 6)
  await nothingLeft(store, blobs)
  await closed(running)
})

test('an abandoned study keeps no update', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 3 } })
  const { blobs } = running.world
  await running.work(
    except(honest(running.parsed), (task, site) => (task.kind === 'train' && site === 'b' ? 'silent' : undefined)),
  )
  assert.equal((await digestsIn(blobs)).length, 2)
  await running.pass(deadlineMs)
  assert.equal((await running.results()).outcome, 'abandoned')
  assert.deepEqual(await digestsIn(blobs), [digestOf((await running.rounds())[0]?.weights_in)])
  await closed(running)
})

test('an update that the door refuses, or that comes after its task was closed, is no blob for long', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1, quorum: 1 } })
  const { blobs, store } = running.world
  const usual = honest(running.parsed)
  const tooLarge = honest(running.parsed, { delta: () => 1e31 })
  const acting: Behaviour = (task, site) => (task.kind === 'train' && site === 'b' ? tooLarge : usual)(task, site)
  await assert.rejects(running.work(acting), /WR_WEIGHTS_INVALID/)
  await running.coordinator.idle()
  await nothingLeft(store, blobs)
  await running.work(usual)
  await closed(running)
})

test('studies that share every blob: one that ends takes nothing from the other', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 6 } })
  const { blobs, store } = running.world
  // Another name, and so another study; the same seed, the same weights, the same updates.
  const twin = parsedPlan({ rounds: { maximum: 3 }, name: 'twin' })
  const id = await running.publish(twin)
  await running.start(id)
  const usual = honest(running.parsed, { delta: (round) => round })
  let looked = 0
  await running.work((task, site) => {
    const act = usual(task, site)
    looked += 1
    return act
  })
  await nothingLeft(store, blobs)
  const twins = await running.account('results', { params: { study: studyIdOf(twin) } })
  assert.equal(twins.rounds.length, 3)
  const [ours, theirs] = [await store.rounds(running.id), await store.rounds(id)]
  assert.deepEqual(
    theirs.map(({ weights_out }) => weights_out),
    ours.slice(0, 3).map(({ weights_out }) => weights_out),
  )
  assert.ok(looked > 30)
  await nothingMissing(store, blobs)
  await closed(running)
})

async function inFolder(folder: string): Promise<Running> {
  const blobs = recentBlobs(await folderBlobs(folder))
  return startedStudy(['a'], { rounds: { maximum: 2 } }, await testWorld({ blobs }))
}

test('a start clears away what lives left that were cut short: blobs, uploads, half-written files', async () => {
  const folder = join(scratch(), 'blobs')
  const running = await inFolder(folder)
  const { world } = running
  const usual = honest(running.parsed)
  await running.work(silentFrom(usual, 1))
  const open = (await running.site('a').next())?.id ?? ''
  await running.coordinator.app.close()
  const orphan = await world.blobs.put(Buffer.from('named by nobody'))
  await appendTo(world.blobs, open)(0, Buffer.from('half of an update'))
  await appendTo(world.blobs, 'small-00000000-train-9-a')(0, Buffer.from('of no task'))
  writeFileSync(join(folder, 'partial', '1-1.new'), 'half a blob')
  mkdirSync(join(folder, 'sha256', 'zz'))
  writeFileSync(join(folder, 'sha256', 'zz', 'README'), 'not ours')
  const again = await startCoordinator(world)
  await again.idle()
  assert.equal(await world.blobs.has(orphan.sha256), false)
  assert.deepEqual(readdirSync(join(folder, 'partial')), [`${open}.upload`])
  assert.ok(existsSync(join(folder, 'sha256', 'zz', 'README')))
  await nothingMissing(world.store, world.blobs)
  await again.close()
})

test('a study from an earlier version that kept everything lets go of it at the next start', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 2 } }, await testWorld({ blobs: memoryBlobs() }))
  const { world, parsed } = running
  await running.work(honest(parsed, { delta: (round) => round }))
  const stale = await world.blobs.put(Buffer.from('an update of long ago'))
  await world.store.keepBlob(running.id, stale)
  const again = await startCoordinator(world)
  await again.idle()
  assert.equal(await world.blobs.has(stale.sha256), false)
  await nothingLeft(world.store, world.blobs)
  await again.app.close()
  await running.close()
})
