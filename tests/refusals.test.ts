/** A coordinator that does not keep to what was approved: refused, journalled, explained at the site, shown to the researcher. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { memoryBlobs } from '@wardround/coordinator/blobs/memory.ts'
import { createCoordinator } from '@wardround/coordinator/server.ts'
import { openStore } from '@wardround/coordinator/store/store.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { newKeyPair, sign } from '@wardround/core/protocol/signing.ts'
import { type Task, taskSchema } from '@wardround/core/protocol/task.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import { openSite, type SiteOptions } from '@wardround/site/agent.ts'
import { createClient } from '@wardround/site/client.ts'
import { readConfig } from '@wardround/site/config.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { runTask } from '@wardround/site/task.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { approveAt } from '../packages/cli/src/federation.ts'
import { injectedNetwork } from '../packages/cli/src/simulate/federation.ts'
import { clock, disk, ed25519, entropy, hospital, parsedSmall, scratch, smallTable, version } from './support.ts'

const trainer = createTrainer()
after(() => trainer.close())

/** One site that has approved a study of one hospital, with the coordinator's own key and store in our hands. */
async function hostile(name: string) {
  const keys = newKeyPair(ed25519, entropy)
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, () => new Date(clock.now()).toISOString())
  const blobs = memoryBlobs()
  const coordinator = await createCoordinator({
    store,
    blobs,
    clock,
    entropy,
    ed25519,
    keys,
    version,
    log: () => undefined,
  })
  const network = injectedNetwork(coordinator.app)
  const { secret } = decodeToken('access', await coordinator.createAccess('researcher', 'https://localhost'))
  const client = createClient({ network, clock, entropy, version, identity: { kind: 'account', secret } })
  const folder = hospital(join(scratch(name), 'ward'), smallTable('ward'))
  const { token } = await client.call('createToken', { body: { site: 'ward' } })
  await joinNetwork({ folder, token, clock, entropy, ed25519, disk, version, network })
  const log: string[] = []
  const options: SiteOptions = {
    folder,
    config: readConfig(join(folder, 'site.yaml')),
    dataFolder: folder,
    trainer,
    clock,
    entropy,
    ed25519,
    disk,
    version,
    network,
    log: (_, message) => void log.push(message),
  }
  const site = await openSite(options)
  const { id } = await client.call('publish', { body: { plan: parsedSmall('seed: 7', 1).plan } })
  /** The task as the coordinator made it. */
  const next = async (): Promise<{ task: Task; signature: string }> => {
    await coordinator.idle()
    const row = await store.openTask('ward')
    assert.ok(row !== undefined)
    return { task: taskSchema.parse(JSON.parse(row.document)), signature: row.signature }
  }
  /** Runs a task as the site would on receiving it, signed by `by`. */
  const send = async (task: Task, by = keys): Promise<void> => {
    const document = canonicalJson(task)
    await runTask(site, { document, signature: sign(by, 'wardround-task-v1', document) })
  }
  /** What the site wrote down, said, and told. */
  const outcome = async () => {
    const refused = readJournal(disk, join(folder, 'journal.ndjson')).entries.filter(
      ({ kind }) => kind === 'task-refused',
    )
    const { failures } = await client.call('study', { params: { study: id } })
    return { journal: refused.map(({ body }) => String(body.code)), log: log.join('\n'), failures }
  }
  return {
    site,
    client,
    id,
    store,
    blobs,
    keys,
    next,
    send,
    outcome,
    start: () => client.call('start', { params: { study: id }, body: {} }),
    close: () => coordinator.close(),
  }
}

/** Started and surveyed: the first train task is open. */
async function inRoundOne(name: string) {
  const world = await hostile(name)
  await approveAt(world.site, world.id)
  await world.start()
  await world.send((await world.next()).task)
  const { task } = await world.next()
  assert.equal(task.kind, 'train')
  return { ...world, task: task as Extract<Task, { kind: 'train' }> }
}

async function assertRefused(world: Awaited<ReturnType<typeof hostile>>, code: string, words: RegExp): Promise<void> {
  const { journal, log, failures } = await world.outcome()
  assert.deepEqual(journal, [code])
  assert.match(log, words)
  assert.deepEqual(
    failures.map((failure) => [failure.site, failure.code, failure.refused]),
    [['ward', code, true]],
  )
  await world.close()
}

test('an altered plan', async () => {
  const world = await inRoundOne('altered')
  await world.send({ ...world.task, planHash: 'f'.repeat(64) })
  await assertRefused(world, 'WR_PLAN_ALTERED', /refused: The plan of .* is not the one that was approved here/)
})

test('an altered preparation: another scale than the first one seen', async () => {
  const world = await inRoundOne('preparation')
  const columns = world.task.preparation.columns.map((column) =>
    column.type === 'number' ? { ...column, mean: column.mean + 1 } : column,
  )
  await world.send({ ...world.task, preparation: { ...world.task.preparation, columns } })
  await assertRefused(world, 'WR_PLAN_ALTERED', /refused/)
})

test('a wrong signature', async () => {
  const world = await inRoundOne('signature')
  await world.send(world.task, newKeyPair(ed25519, entropy))
  await assertRefused(world, 'WR_SIGNATURE_INVALID', /signature on a task does not hold/)
})

test('a replayed round', async () => {
  const world = await inRoundOne('replay')
  await world.send(world.task)
  const { task } = await world.next()
  assert.equal(task.kind, 'evaluate')
  // The round is done here; the same number under a new name would have the site train on it twice.
  await world.store.addTasks([
    {
      id: `${world.task.id}-again`,
      study: world.id,
      kind: 'train',
      round: 1,
      site: 'ward',
      state: 'open',
      document: '',
      signature: '',
      result: null,
      issued_at: 0,
      settled_at: null,
      counted_in: null,
      bytes_up: 0,
      bytes_down: 0,
    },
  ])
  await world.send({ ...world.task, id: `${world.task.id}-again` })
  await assertRefused(world, 'WR_ROUND_REPLAYED', /Round 1 of .* was asked for again/)
})

test('a model of another shape', async () => {
  const world = await inRoundOne('shape')
  const writer = await world.blobs.writer()
  await writer.write(encodeWeights([{ name: 'dense.kernel', shape: [2, 2], data: new Float32Array(4) }]))
  const task = { ...world.task, weights: await writer.finish() }
  // Or the coordinator would not give it out.
  await world.store.updateTask(task.id, { document: JSON.stringify(task) })
  await world.send(task)
  const { journal, log, failures } = await world.outcome()
  assert.deepEqual(journal, ['WR_WEIGHTS_SHAPE'])
  assert.match(log, /The tensor dense\.kernel does not fit the model/)
  assert.equal(failures[0]?.code, 'WR_WEIGHTS_SHAPE')
  await world.close()
})

test('a plan that was never approved', async () => {
  const world = await hostile('unapproved')
  const task: Task = {
    version: 1,
    kind: 'prepare',
    id: `${world.id}-prepare-1-ward`,
    study: world.id,
    planHash: parsedSmall('seed: 7', 1).planHash,
    site: 'ward',
    issuedAt: clock.now(),
    expiresAt: clock.now() + 60_000,
    attempt: 1,
  }
  await world.store.addTasks([
    {
      id: task.id,
      study: world.id,
      kind: 'prepare',
      round: 1,
      site: 'ward',
      state: 'open',
      document: '',
      signature: '',
      result: null,
      issued_at: 0,
      settled_at: null,
      counted_in: null,
      bytes_up: 0,
      bytes_down: 0,
    },
  ])
  await world.send(task)
  await assertRefused(world, 'WR_NOT_APPROVED', /is not approved at this site/)
})

test("another site's task", async () => {
  const world = await inRoundOne('foreign')
  await world.send({ ...world.task, site: 'other' })
  await assertRefused(world, 'WR_TASK_FOREIGN', /is not this site's/)
})

test('an expired task', async () => {
  const world = await inRoundOne('expired')
  await world.send({ ...world.task, issuedAt: 0, expiresAt: 1 })
  await assertRefused(world, 'WR_TASK_EXPIRED', /has expired/)
})

test('nothing left the site in any of these but the refusal itself', async () => {
  const world = await inRoundOne('quiet')
  await world.send({ ...world.task, planHash: 'f'.repeat(64) })
  const { entries } = readJournal(disk, join(world.site.folder, 'journal.ndjson'))
  const refusedAt = entries.findIndex(({ kind }) => kind === 'task-refused')
  const later = entries.slice(refusedAt + 1).filter(({ kind }) => kind === 'released')
  assert.deepEqual(
    later.map(({ body }) => body.what),
    ['report'],
  )
  assert.ok(Number(later[0]?.body.sizeBytes) < 500)
  await world.close()
})
