/** What a backup must be, and a coordinator that is made of one, whatever databases lie beneath the two. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { folderBlobs } from '../blobs/fs.ts'
import { smallBlobs } from '../blobs/small.ts'
import { coordinatorKeys, privateFolder } from '../identity.ts'
import type { Coordinator } from '../server.ts'
import type { StoreOptions } from '../store/open.ts'
import { openStore } from '../store/store.ts'
import { testClock } from '../testing/clock.ts'
import { testEntropy } from '../testing/entropy.ts'
import { coded } from '../testing/errors.ts'
import {
  except,
  honest,
  isoNow,
  type Running,
  startCoordinator,
  startedStudy,
  type World,
} from '../testing/federation.ts'
import { ed25519 } from '../testing/keys.ts'
import { nothingLeft, nothingMissing } from '../testing/needs.ts'
import { overHttp } from '../testing/requests.ts'
import { scratch } from '../testing/scratch.ts'
import { type Behaviour, testSite } from '../testing/site.ts'
import { databaseName } from './manifest.ts'
import { restore } from './restore.ts'

/** Each gives a place for a database: 'sqlite', or a URL of an empty one. */
export type Places = { readonly from: () => Promise<string>; readonly to: () => Promise<string> }

const root = scratch()
let folders = 0
const fresh = (): string => join(root, String(folders++), 'it')

/** How large a blob may be that is a row of the database: here they are all files, or all rows. */
const sizes = { files: 0, rows: 1 << 18 }
type Kind = keyof typeof sizes

const change = { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 4 } }
const delta = (round: number, site: string): number => (site === 'a' ? 1 : 3) / round

const optionsOf = (store: string, folder: string): StoreOptions =>
  store === 'sqlite' ? { kind: 'sqlite', path: join(folder, databaseName) } : { kind: 'postgres', url: store }

type Home = World & { readonly folder: string; readonly kind: Kind }

async function worldIn(
  folder: string,
  store: string,
  { kind, ...given }: Partial<World> & { kind: Kind },
): Promise<Home> {
  const clock = given.clock ?? testClock()
  const entropy = given.entropy ?? testEntropy('backup')
  const keys = coordinatorKeys(folder, { ed25519, entropy })
  const opened = await openStore(optionsOf(store, folder), isoNow(clock))
  const blobs = smallBlobs(opened, await folderBlobs(join(folder, 'blobs')), sizes[kind])
  return { folder, kind, clock, entropy, ed25519, keys, store: opened, blobs }
}

/** A study in a fresh folder, and how its sites behave for so many acts, or for ever. */
async function begun(place: Places, kind: Kind = 'files') {
  const world = await worldIn(privateFolder(fresh()), await place.from(), { kind })
  const running = await startedStudy(['a', 'b'], change, world)
  const usual = honest(running.parsed, { delta, loss: (round) => 1 / round })
  const acts = (limit: number): Behaviour => {
    let left = limit
    return except(usual, () => (left-- > 0 ? undefined : 'silent'))
  }
  return { world, running, usual, acts }
}

/** The coordinator that a backup makes, in front of the sites of `running`, wherever they are by then. */
async function revived({ running, world, place }: { running: Running; world: Home; place: Places }, from: string) {
  const folder = fresh()
  const store = await place.to()
  const restored = await restore({ ...world, from, folder, store })
  const again = await worldIn(folder, store, world)
  const coordinator = await startCoordinator(again)
  Object.assign(running.way, { app: () => coordinator.app })
  return { ...restored, world: again, coordinator }
}

async function finished(running: Running, coordinator: Coordinator, usual: Behaviour) {
  await coordinator.idle()
  for (let acted = true; acted; ) {
    acted = false
    for (const site of running.sites) if (await site.work(usual)) acted = true
    await coordinator.idle()
  }
  return running.results()
}

export function backupSuite(name: string, place: Places): void {
  for (const kind of ['files', 'rows'] as const) moments(name, place, kind)

  test(`${name}: a backup that is made while sites go on has every blob that its rows name`, async () => {
    const { world, running, usual } = await begun(place)
    let asked = 0
    const wholeStudy = Promise.withResolvers<void>()
    /** Reads a blob for the backup only after the study has gone on to its end. */
    const stream: BlobStore['stream'] = async function* (sha256) {
      asked += 1
      await wholeStudy.promise
      yield* world.blobs.stream(sha256)
    }
    await running.work(except(usual, (task) => (task.kind === 'train' && task.round === 3 ? 'silent' : undefined)))
    const second = await startCoordinator({ ...world, blobs: { ...world.blobs, stream } })
    Object.assign(running.way, { app: () => second.app })
    const path = fresh()
    const making = second.backup(world.folder, path, {})
    for (let turns = 0; asked === 0 && turns < 100_000; turns++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(asked > 0)
    const { weightsSha256 } = await finished(running, second, usual)
    wholeStudy.resolve()
    const { lost } = await making
    assert.deepEqual(lost, [])
    // Afterwards nobody holds them any more.
    await nothingLeft(world.store, world.blobs)
    await second.close()
    const { coordinator } = await revived({ running, world, place }, path)
    assert.equal((await running.detail()).round, 3)
    assert.equal((await finished(running, coordinator, usual)).weightsSha256, weightsSha256)
    await coordinator.close()
  })

  test(`${name}: open join tokens of a backup are used up; what was said of it is in the audit`, async () => {
    const { world, running } = await begun(place)
    const { token } = await running.account('createToken', { body: { site: 'c' } })
    const path = fresh()
    const made = await running.coordinator.backup(world.folder, path, {})
    await running.close()
    const { coordinator, tokensUsed, world: again } = await revived({ running, world, place }, path)
    assert.equal(tokensUsed, 1)
    const { coordinatorKey } = running.site('a').signer
    const late = testSite({ ...world, line: overHttp(running.way), site: 'c', coordinatorKey })
    await assert.rejects(late.join(token), coded('WR_TOKEN_USED'))
    const entry = (await again.store.auditEntries(0, 1000)).at(-1)
    assert.deepEqual(
      [entry?.kind, entry?.body],
      ['coordinator.restored', { ...(entry?.body as object), madeAt: made.madeAt, tokensUsed: 1 }],
    )
    await coordinator.close()
  })

  test(`${name}: a folder or a database with something in it is not written over, and nothing is left of the try`, async () => {
    const { world, running } = await begun(place)
    const path = fresh()
    await running.coordinator.backup(world.folder, path, {})
    const before = readdirSync(path)
    await assert.rejects(running.coordinator.backup(world.folder, path, {}), coded('WR_NOT_EMPTY'))
    assert.deepEqual(readdirSync(path), before)
    await assert.rejects(restore({ ...world, from: path, folder: path, store: 'sqlite' }), coded('WR_NOT_EMPTY'))
    const store = await place.to()
    const folder = fresh()
    await restore({ ...world, from: path, folder, store })
    if (store !== 'sqlite') {
      const other = fresh()
      await assert.rejects(restore({ ...world, from: path, folder: other, store }), coded('WR_NOT_EMPTY'))
      assert.equal(existsSync(other) || existsSync(`${other}.partial`), false)
    }
    await running.close()
  })

  test(`${name}: only its owner can read a backup`, { skip: process.platform === 'win32' }, async () => {
    const { world, running } = await begun(place)
    const path = fresh()
    await running.coordinator.backup(world.folder, path, {})
    assert.equal(statSync(path).mode & 0o777, 0o700)
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
      const entry = statSync(join(path, name))
      assert.equal(entry.mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, name)
    }
    await running.close()
  })
}

function moments(name: string, place: Places, kind: Kind): void {
  test(`${name}, ${kind}: from a backup of any moment of a study, sites that have gone on since end it with the same weights`, async () => {
    const undisturbed = await startedStudy(['a', 'b'], change)
    await undisturbed.work(honest(undisturbed.parsed, { delta, loss: (round) => 1 / round }))
    const wanted = (await undisturbed.results()).weightsSha256
    await undisturbed.close()
    const { world, running, usual, acts } = await begun(place, kind)
    const paths: string[] = []
    while ((await running.detail()).state !== 'ended') {
      paths.push(fresh())
      await running.coordinator.backup(world.folder, paths.at(-1) ?? '', {})
      await running.work(acts(kind === 'files' ? 4 : 9))
    }
    assert.ok(paths.length > 1, `${paths.length} moments`)
    assert.equal((await running.results()).weightsSha256, wanted)
    const heard = await world.store.lastSequence()
    await running.close()
    for (const path of paths) {
      const { coordinator, world: again, manifest } = await revived({ running, world, place }, path)
      assert.deepEqual(manifest.lost, [])
      assert.equal((await finished(running, coordinator, usual)).weightsSha256, wanted)
      await nothingMissing(again.store, again.blobs)
      await nothingLeft(again.store, again.blobs)
      assert.equal(firstBroken(await again.store.auditEntries(0, 1000)), undefined)
      // Whoever has heard all of the lost coordinator hears all of the new one.
      const news = await again.store.events({ after: heard, study: running.id, limit: 1000 })
      assert.deepEqual([news[0]?.kind, news.at(-1)?.kind], ['coordinator.restored', 'study.ended'])
      await coordinator.close()
    }
  })
}
