/** What is no whole backup is not taken for one, and what was cut short leaves nothing that could be. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, test } from 'node:test'
import { folderBlobs } from '../blobs/fs.ts'
import { smallBlobs } from '../blobs/small.ts'
import { coordinatorKeys, privateFolder } from '../identity.ts'
import { latestVersion } from '../store/migrations.ts'
import { openStore } from '../store/store.ts'
import { testClock } from '../testing/clock.ts'
import { turn } from '../testing/damage.ts'
import { testEntropy } from '../testing/entropy.ts'
import { coded } from '../testing/errors.ts'
import { except, honest, isoNow, startedStudy } from '../testing/federation.ts'
import { ed25519 } from '../testing/keys.ts'
import { scratch } from '../testing/scratch.ts'
import { backup } from './backup.ts'
import { measured } from './folder.ts'
import { blobPath, type Manifest, manifestName } from './manifest.ts'
import { restore } from './restore.ts'

type Fixture = {
  readonly schema: readonly string[]
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, string | number | null>>[]>>
  readonly blobs: Readonly<Record<string, string>>
}
const fixture = JSON.parse(readFileSync(new URL('../store/fixtures/store_v1.json', import.meta.url), 'utf8')) as Fixture

const root = scratch()
const clock = testClock()
const entropy = testEntropy('damaged')
const world = { clock, entropy, ed25519 }
const home = privateFolder(join(root, 'home'))
const whole = join(root, 'whole')
let folders = 0
const fresh = (): string => join(root, String(folders++))

/** A coordinator with a study in its third round, whose blobs are files. */
async function source() {
  const store = await openStore({ kind: 'sqlite', path: join(home, 'coordinator.sqlite') }, isoNow(clock))
  const keys = coordinatorKeys(home, world)
  return { store, keys, blobs: smallBlobs(store, await folderBlobs(join(home, 'blobs')), 0) }
}

before(async () => {
  const { store, keys, blobs } = await source()
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 4 } }, { ...world, store, keys, blobs })
  const usual = honest(running.parsed)
  await running.work(except(usual, (task) => (task.kind === 'train' && task.round === 3 ? 'silent' : undefined)))
  assert.deepEqual((await running.coordinator.backup(home, whole, {})).lost, [])
  await running.close()
})

/** A copy of the whole one, changed. */
function copy(change: (folder: string) => void): string {
  const folder = fresh()
  cpSync(whole, folder, { recursive: true })
  change(folder)
  return folder
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, manifestName), 'utf8'))
const rewrite = (change: (manifest: Manifest) => object) => (folder: string) =>
  writeFileSync(join(folder, manifestName), JSON.stringify(change(manifestOf(folder))))
const blobIn = (folder: string): string =>
  manifestOf(folder).files.find(({ path }) => path.startsWith('blobs/'))?.path ?? ''

async function refused(from: string, code: string): Promise<void> {
  const folder = fresh()
  await assert.rejects(restore({ ...world, from, folder, store: 'sqlite' }), coded(code))
  assert.equal(existsSync(folder) || existsSync(`${folder}.partial`), false)
}

const invalid: Record<string, (folder: string) => void> = {
  'no manifest': (folder) => rmSync(join(folder, manifestName)),
  'a manifest that is torn': (folder) =>
    writeFileSync(join(folder, manifestName), readFileSync(join(folder, manifestName)).subarray(0, 300)),
  'a byte turned in its database': (folder) => turn(join(folder, 'coordinator.sqlite'), 5000),
  'a byte turned in a blob': (folder) => turn(join(folder, blobIn(folder)), -3),
  'a byte turned in its key': (folder) => turn(join(folder, 'identity.json'), 20),
  'a file that is missing': (folder) => rmSync(join(folder, blobIn(folder))),
  'a blob that neither is there nor is said to be lost': rewrite((manifest) => ({
    ...manifest,
    files: manifest.files.filter(({ path }) => path !== blobIn(whole)),
  })),
  'another key than it says': rewrite((manifest) => ({ ...manifest, coordinatorKey: 'A'.repeat(43) })),
  'no database': rewrite((manifest) => ({ ...manifest, files: manifest.files.slice(1) })),
  'a path that leads out of it': rewrite((manifest) => ({
    ...manifest,
    files: [...manifest.files, { path: '../../etc/passwd', sizeBytes: 1, sha256: '0'.repeat(64) }],
  })),
  'a blob in the wrong place': rewrite((manifest) => ({
    ...manifest,
    files: [...manifest.files, { path: `blobs/sha256/00/${'1'.repeat(64)}`, sizeBytes: 1, sha256: '1'.repeat(64) }],
  })),
}

for (const [name, change] of Object.entries(invalid))
  test(`${name}: not restored, and nothing is left of the try`, () => refused(copy(change), 'WR_BACKUP_INVALID'))

test('nothing at all is no backup', () => refused(fresh(), 'WR_BACKUP_INVALID'))

test('a later form, or a later store, is not restored by this version', async () => {
  await refused(copy(rewrite((manifest) => ({ ...manifest, version: 2, more: 1 }))), 'WR_VERSION')
  await refused(copy(rewrite((manifest) => ({ ...manifest, store: latestVersion + 1 }))), 'WR_VERSION')
})

/** With its digest put right, as somebody would who has meant to change it. */
function retold(folder: string, statement: string): void {
  const path = join(folder, 'coordinator.sqlite')
  const database = new DatabaseSync(path)
  database.exec(statement)
  database.close()
  const bytes = readFileSync(path)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  rewrite((manifest) => ({
    ...manifest,
    files: manifest.files.map((file) =>
      file.path === 'coordinator.sqlite' ? { ...file, sizeBytes: bytes.length, sha256 } : file,
    ),
  }))(folder)
}

test('an audit that somebody has changed is told from one that nobody has', async () => {
  await refused(
    copy((folder) => retold(folder, `update audit set body = '{}' where sequence = 2`)),
    'WR_CHAIN_BROKEN',
  )
})

test('what was lost before it was made is said, is not in it, and keeps nobody from restoring the rest', async () => {
  const { path, sha256 } = manifestOf(whole).files.find((file) => file.path.startsWith('blobs/')) ?? assert.fail()
  const kept = readFileSync(join(home, path))
  for (const damage of [() => turn(join(home, path), -3), () => rmSync(join(home, path))]) {
    damage()
    const { store, keys, blobs } = await source()
    const to = fresh()
    const parts = { folder: home, store, blobs: { ...blobs, freeze: <T>(work: () => Promise<T>) => work() } }
    const made = await backup({ ...parts, coordinatorKey: keys.publicKey, clock, version: '0.1.0' }, to)
    await store.close()
    assert.deepEqual(made.lost, [sha256])
    assert.equal(existsSync(join(to, path)), false)
    const { manifest } = await restore({ ...world, from: to, folder: fresh(), store: 'sqlite' })
    assert.deepEqual(manifest.lost, [sha256])
    writeFileSync(join(home, path), kept)
  }
})

test('somebody who has had enough leaves nothing behind', async () => {
  const { store, keys, blobs } = await source()
  const to = fresh()
  const parts = { folder: home, store, blobs: { ...blobs, freeze: <T>(work: () => Promise<T>) => work() } }
  const stopped = backup({ ...parts, coordinatorKey: keys.publicKey, clock, version: '0.1.0' }, to, {
    signal: AbortSignal.abort(),
  })
  await assert.rejects(stopped, coded('WR_CANCELLED'))
  await store.close()
  assert.equal(existsSync(to) || existsSync(`${to}.partial`), false)
  await assert.rejects(
    restore({ ...world, from: whole, folder: to, store: 'sqlite', signal: AbortSignal.abort() }),
    coded('WR_CANCELLED'),
  )
  assert.equal(existsSync(to) || existsSync(`${to}.partial`), false)
})

test('what a process that was killed has left under the other name is cleared away; what somebody else has put there is not', async () => {
  const folder = fresh()
  mkdirSync(join(`${folder}.partial`, 'blobs'), { recursive: true })
  for (const name of ['coordinator.sqlite', 'coordinator.sqlite-wal', 'identity.json', 'backup.json.new'])
    writeFileSync(join(`${folder}.partial`, name), 'torn')
  writeFileSync(join(`${folder}.partial`, 'letters.txt'), 'dear diary')
  const trying = () => restore({ ...world, from: whole, folder, store: 'sqlite' })
  await assert.rejects(trying(), coded('WR_NOT_EMPTY'))
  assert.equal(readFileSync(join(`${folder}.partial`, 'letters.txt'), 'utf8'), 'dear diary')
  rmSync(join(`${folder}.partial`, 'letters.txt'))
  await trying()
  assert.deepEqual([existsSync(`${folder}.partial`), readdirSync(folder).includes('coordinator.sqlite')], [false, true])
})

test('a backup of an earlier version is brought up to date where it is restored, and stays as it is', async () => {
  const from = privateFolder(fresh())
  const { schema, tables, blobs } = fixture
  const database = new DatabaseSync(join(from, 'coordinator.sqlite'))
  for (const statement of schema) database.exec(statement)
  for (const [table, rows] of Object.entries(tables))
    for (const row of rows) {
      const names = Object.keys(row).map((name) => `"${name}"`)
      const places = names.map(() => '?')
      const insert = database.prepare(`insert or replace into ${table} (${names}) values (${places})`)
      insert.run(...Object.values(row))
    }
  database.close()
  const { publicKey } = coordinatorKeys(from, world)
  const paths = ['coordinator.sqlite', 'identity.json']
  for (const [sha256, base64] of Object.entries(blobs)) {
    paths.push(blobPath(sha256))
    mkdirSync(join(from, dirname(blobPath(sha256))), { recursive: true })
    writeFileSync(join(from, blobPath(sha256)), Buffer.from(base64, 'base64'))
  }
  const files = await Promise.all(paths.map(async (path) => ({ path, ...(await measured(join(from, path))) })))
  const told = { ...manifestOf(whole), store: 1, coordinatorKey: publicKey, files }
  writeFileSync(join(from, manifestName), JSON.stringify(told))
  const folder = fresh()
  for (let turns = 0; turns < 2; turns++) {
    await restore({ ...world, from, folder, store: 'sqlite' })
    assert.deepEqual(readdirSync(folder).toSorted(), ['blobs', 'coordinator.sqlite', 'identity.json'])
    const store = await openStore({ kind: 'sqlite', path: join(folder, 'coordinator.sqlite') }, isoNow(clock))
    const [study] = await store.studies()
    const refs = (await store.blobRefs(study?.id ?? '')).map(({ sha256 }) => sha256)
    assert.deepEqual(refs, Object.keys(blobs).toSorted())
    await store.close()
    rmSync(folder, { recursive: true })
  }
})

/** Both, in a process that kills itself (SIGKILL) when so much has been done. */
const dying = (name: string) => `
const [path, folder, from, kill] = process.argv.slice(1)
const { backupClosed } = await import('./closed.ts')
const { restore } = await import('./restore.ts')
const { testClock } = await import('../testing/clock.ts')
const { ed25519 } = await import('../testing/keys.ts')
const { testEntropy } = await import('../testing/entropy.ts')
let calls = 0
const onProgress = () => { calls += 1; if (calls > Number(kill)) process.kill(process.pid, 'SIGKILL') }
const world = { clock: testClock(), entropy: testEntropy('d'), ed25519, store: 'sqlite', version: '0.1.0', onProgress }
await ${name === 'backup' ? 'backupClosed(path, { ...world, folder })' : 'restore({ ...world, from, folder: path })'}
process.stdout.write(String(calls))
`

for (const name of ['backup', 'restore'])
  test(`${name}: kill -9 at any moment leaves nothing that is taken for one, and the next try succeeds`, async () => {
    const path = fresh()
    const run = (kill: number) =>
      spawnSync(process.execPath, ['--input-type=module', '--eval', dying(name), path, home, whole, String(kill)], {
        cwd: import.meta.dirname,
        encoding: 'utf8',
      })
    for (const kill of [0, 3]) {
      const { signal, stderr } = run(kill)
      assert.equal(signal, 'SIGKILL', stderr)
      assert.deepEqual([existsSync(path), existsSync(`${path}.partial`)], [false, true])
      assert.equal(existsSync(join(`${path}.partial`, manifestName)), false)
    }
    const { status, stdout, stderr } = run(1_000_000)
    assert.equal(status, 0, stderr)
    assert.ok(Number(stdout) >= 4, 'both moments are before its end')
    assert.deepEqual([existsSync(path), existsSync(`${path}.partial`)], [true, false])
  })
