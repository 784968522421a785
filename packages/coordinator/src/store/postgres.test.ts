import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { WardroundError } from '@wardround/core/errors.ts'
import { Kysely } from 'kysely'
import { turn } from '../testing/clock.ts'
import { coded } from '../testing/errors.ts'
import { password, startTestPostgres } from '../testing/postgres.ts'
import { siteRow } from '../testing/rows.ts'
import { migrate } from './migrations.ts'
import { postgresDialect } from './postgres.ts'
import type { Database } from './schema.ts'
import { type StorePlace, storeSuite } from './store.suite.ts'
import { openStore } from './store.ts'
import { upgradeSuite } from './upgrade.suite.ts'

const postgres = await startTestPostgres()
after(() => postgres.stop())

const open = (url: string) => openStore({ kind: 'postgres', url }, () => '2026-01-01T00:00:00.000Z')

storeSuite('PostgreSQL', { place: freshSchema, outlives: true })

upgradeSuite('PostgreSQL', async () => {
  const url = await postgres.fresh()
  return {
    options: { kind: 'postgres', url },
    execute: async (statement) => void (await postgres.execute(url, statement)),
    // The fixture's own are SQLite's.
    async prepare() {
      const db = new Kysely<Database>({ dialect: postgresDialect(url) })
      await migrate(db, 'postgres', 1)
      await db.destroy()
    },
  }
})

async function freshSchema(): Promise<StorePlace> {
  const url = await postgres.fresh()
  const execute = async (statement: string): Promise<void> => void (await postgres.execute(url, statement))
  return { options: { kind: 'postgres', url }, execute }
}

test('PostgreSQL: two coordinators that start at once on an empty database both find their tables', async () => {
  const url = await postgres.fresh()
  const stores = await Promise.all([open(url), open(url)])
  await Promise.all(
    stores.map((store, index) =>
      store.transaction((tables) => tables.event({ kind: 'site.joined', study: null, payload: { site: `s${index}` } })),
    ),
  )
  assert.deepEqual(await Promise.all(stores.map((store) => store.lastSequence())), [2, 2])
  for (const store of stores) await store.close()
})

const localhost = `127.0.0.1:${postgres.port}`
const wrong = {
  'nobody listens': `postgres://wardround:${password}@127.0.0.1:1/coordinator`,
  'nobody listens, by name': `postgres://wardround:${password}@localhost:1/coordinator`,
  'no such host': `postgres://wardround:${password}@nowhere.invalid/coordinator`,
  'no such database': `postgres://wardround:${password}@${localhost}/nothing`,
  'no such user': `postgres://nobody:${password}@${localhost}/coordinator`,
  'wrong password': `postgres://wardround:${password}-not@${localhost}/coordinator`,
  'not a URL': `postgres://wardround:${password}@[nowhere`,
  'no schema to write in': `postgres://wardround:${password}@${localhost}/coordinator?options=-csearch_path%3Dnowhere`,
}

for (const [title, url] of Object.entries(wrong))
  test(`PostgreSQL: ${title}: a reason, and no password anywhere`, async () => {
    await assert.rejects(open(url), (error: unknown) => {
      assert.ok(coded('WR_STORE', { store: 'PostgreSQL' })(error))
      assert.ok(error instanceof Error && 'parameters' in error)
      const { reason } = error.parameters as { reason: string }
      assert.ok(reason.length > 10, reason)
      // With its cause, its cause's cause and every property of theirs.
      assert.ok(!inspect(error, { depth: 20, showHidden: true }).includes(password))
      return true
    })
  })

/** Ends every connection that stores have, as a restart of the server would. */
const cutOff = (url: string) =>
  postgres.execute(url, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wardround'`)
const connections = async (url: string): Promise<number> =>
  (await postgres.execute(url, `select 1 from pg_stat_activity where application_name = 'wardround'`)).length

test('PostgreSQL: connections that the server ends while they are idle are replaced', async () => {
  const url = await postgres.fresh()
  const store = await open(url)
  await Promise.all([store.sites(), store.sites(), store.sites()])
  await cutOff(url)
  while ((await connections(url)) > 0) await turn()
  // A connection that is not yet known to be dead may be tried once more: that is an error to be tried again, and no other.
  await Promise.allSettled([store.sites(), store.sites(), store.sites(), store.sites()])
  assert.deepEqual(await store.sites(), [])
  await store.close()
})

test('PostgreSQL: a transaction that is cut off is an error to be tried again, and leaves nothing', async () => {
  const url = await postgres.fresh()
  const store = await open(url)
  const work = (interrupt: () => Promise<unknown>) =>
    store.transaction(async (tables) => {
      await tables.putSite(siteRow('a'))
      await tables.event({ kind: 'site.joined', study: null, payload: { site: 'a' } })
      await interrupt()
      await tables.audit('site.joined', { site: 'a' })
    })
  await assert.rejects(
    work(() => cutOff(url)),
    coded('WR_STORE', { store: 'PostgreSQL' }),
  )
  assert.deepEqual([await store.sites(), await store.lastSequence(), await store.auditEntries(0, 9)], [[], 0, []])
  await work(async () => undefined)
  assert.equal(await store.lastSequence(), 1)
  await store.close()
})

test('PostgreSQL: of transactions that are cut off together none is answered well, and none with what another was refused for', async () => {
  const url = await postgres.fresh()
  const store = await open(url)
  const settled = await Promise.allSettled([
    store.transaction((tables) => tables.putSite(siteRow('a'))),
    store.transaction(async (tables) => {
      await tables.putSite(siteRow('b'))
      await cutOff(url)
      throw new WardroundError('WR_TASK_CLOSED', { task: 'b' })
    }),
    store.transaction((tables) => tables.putSite(siteRow('c'))),
  ])
  for (const result of settled)
    assert.ok(result.status === 'rejected' && coded('WR_STORE', { store: 'PostgreSQL' })(result.reason))
  assert.deepEqual(await store.sites(), [])
  await store.transaction((tables) => tables.putSite(siteRow('d')))
  assert.equal((await store.sites()).length, 1)
  await store.close()
})

test('PostgreSQL: a statement that fails takes its transaction with it, also where its work goes on, and nothing of the others', async () => {
  const store = await open(await postgres.fresh())
  const careless = (name: string) =>
    store.transaction(async (tables) => {
      await tables.putSite(siteRow(name))
      await tables.addAccount({ name: 'admin', secret_sha256: name }).catch(() => undefined)
    })
  await store.addAccount({ name: 'admin', secret_sha256: 'x' })
  await assert.rejects(careless('alone'))
  const settled = await Promise.allSettled([
    store.transaction((tables) => tables.putSite(siteRow('a'))),
    careless('b'),
    store.transaction((tables) => tables.putSite(siteRow('c'))),
  ])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(
    (await store.sites()).map(({ name }) => name),
    ['a', 'c'],
  )
  await store.close()
})

test('PostgreSQL: what the database refuses for our own fault is not an error to be tried again', async () => {
  const store = await open(await postgres.fresh())
  await store.addAccount({ name: 'admin', secret_sha256: 'x' })
  await assert.rejects(store.addAccount({ name: 'admin', secret_sha256: 'x' }), (error: unknown) => {
    assert.ok(!(error instanceof WardroundError))
    return true
  })
  await store.close()
})
