import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { Kysely } from 'kysely'
import { coded } from '../testing/errors.ts'
import { siteRow } from '../testing/rows.ts'
import { scratch } from '../testing/scratch.ts'
import { storeError } from './failures.ts'
import { mostTogether } from './group-commit.ts'
import { migrate } from './migrations.ts'
import type { Database } from './schema.ts'
import { sqliteDialect } from './sqlite.ts'
import { type StorePlace, storeSuite } from './store.suite.ts'
import { openStore } from './store.ts'
import { upgradeSuite } from './upgrade.suite.ts'

const folder = scratch()
let files = 0
const freshPath = (): string => join(folder, `${files++}.sqlite`)
const open = (path: string) => openStore({ kind: 'sqlite', path }, () => '2026-01-01T00:00:00.000Z')

storeSuite('memory', { place: async () => ({ options: { kind: 'sqlite', path: ':memory:' } }), outlives: false })

storeSuite('file', { place: freshFile, outlives: true })

upgradeSuite('file', async () => {
  const place = await freshFile()
  const execute = place.execute ?? assert.fail
  return {
    ...place,
    execute,
    async prepare(schema) {
      for (const statement of schema) await execute(statement)
    },
  }
})

async function freshFile(): Promise<StorePlace> {
  const path = freshPath()
  return {
    options: { kind: 'sqlite', path },
    async execute(statement) {
      const database = new DatabaseSync(path)
      try {
        database.exec(statement)
      } finally {
        database.close()
      }
    },
  }
}

test('a file that is about to be migrated is kept beside it as it was, once; a new or current one is not', async () => {
  const path = freshPath()
  const db = new Kysely<Database>({ dialect: sqliteDialect(path) })
  await migrate(db, 'sqlite', 1)
  await db.insertInto('sites').values(siteRow('a')).execute()
  await db.destroy()
  const kept = `${path}.version-1`
  // What a start left that was cut short while it copied.
  writeFileSync(`${kept}.new`, 'half')
  for (let turn = 0; turn < 2; turn++) await (await open(path)).close()
  const beside = (of: string): string[] => readdirSync(folder).filter((name) => name.startsWith(basename(of)))
  assert.deepEqual(beside(path), [basename(path), basename(kept)])
  const copy = new DatabaseSync(kept)
  assert.deepEqual(
    [copy.prepare('select value from meta').all(), copy.prepare('select name from sites').all()].map((rows) =>
      rows.map((row) => ({ ...row })),
    ),
    [[{ value: '1' }], [{ name: 'a' }]],
  )
  copy.close()
  const fresh = freshPath()
  for (let turn = 0; turn < 2; turn++) await (await open(fresh)).close()
  assert.deepEqual(beside(fresh), [basename(fresh)])
})

/** A process that writes one event and then holds the file until it is killed. */
async function holder(path: string) {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('store.ts', import.meta.url).href)}
    const store = await openStore({ kind: 'sqlite', path: ${JSON.stringify(path)} }, () => '2026-01-01T00:00:00.000Z')
    await store.transaction((tables) => tables.event({ kind: 'site.joined', study: null, payload: { site: 'a' } }))
    process.stdout.write('open')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  assert.equal(String(first), 'open')
  return child
}

test('a file that another process has open is locked; when that process is killed, what it committed is there', async () => {
  const path = freshPath()
  const child = await holder(path)
  try {
    await assert.rejects(open(path), coded('WR_LOCKED', { path }))
    await assert.rejects(open(path), coded('WR_LOCKED', { path }))
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const store = await open(path)
  assert.equal(await store.lastSequence(), 1)
  await store.close()
})

test('a file that this process has open is locked too, and free again once it is closed', async () => {
  const path = freshPath()
  const first = await open(path)
  await assert.rejects(open(path), coded('WR_LOCKED', { path }))
  await first.close()
  const second = await open(path)
  assert.equal(await second.lastSequence(), 0)
  await second.close()
})

test('what is no database, or cannot be one, is refused with a reason', async () => {
  const garbage = freshPath()
  writeFileSync(garbage, 'This is a letter, not a database. '.repeat(100))
  for (const path of [garbage, folder, join(folder, 'nowhere', 'x.sqlite')])
    await assert.rejects(open(path), (error: unknown) => {
      assert.ok(coded('WR_STORE', { store: 'SQLite' })(error))
      assert.match(String(error), /not a database|unable to open/)
      return true
    })
})

test('a full disk is an error to be tried again; a broken rule is not', () => {
  const database = new DatabaseSync(':memory:')
  database.exec('create table t (x text unique) strict; pragma max_page_count = 4')
  const insert = database.prepare('insert into t values (?)')
  const failure = (...values: string[]): unknown => {
    try {
      for (const value of values) insert.run(value)
    } catch (error) {
      return storeError('sqlite', error)
    }
    return undefined
  }
  assert.ok(coded('WR_STORE', { store: 'SQLite', reason: 'database or disk is full' })(failure('a'.repeat(100_000))))
  assert.ok(!(failure('b', 'b') instanceof WardroundError))
})

test('who reads while a crowd writes comes in between', async () => {
  const store = await open(freshPath())
  const crowd = Array.from({ length: 4 * mostTogether }, (_, index) => `s${index}`)
  let read = Promise.resolve(0)
  const write = (name: string) =>
    store.transaction(async (tables) => {
      await tables.putSite(siteRow(name))
      if (name === 's0') read = store.sites().then(({ length }) => length)
    })
  await Promise.all(crowd.map(write))
  assert.equal(await read, mostTogether)
  await store.close()
})

test('work that goes on while a coordinator closes is told to try again, not that there is a bug', async () => {
  const store = await open(freshPath())
  await store.close()
  const again = coded('WR_STORE')
  await assert.rejects(store.study('heart'), again)
  await assert.rejects(
    store.transaction(async (tables) => tables.lastSequence()),
    again,
  )
})
