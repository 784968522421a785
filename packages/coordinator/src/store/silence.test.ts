import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, sql } from 'kysely'
import { coded } from '../testing/errors.ts'
import { startTestPostgres } from '../testing/postgres.ts'
import { siteRow } from '../testing/rows.ts'
import { postgresDialect } from './postgres.ts'
import type { Database } from './schema.ts'
import { openStore } from './store.ts'

const postgres = await startTestPostgres()
after(() => postgres.stop())

/** A line to the server that can fall silent: nothing is closed, and nothing comes through any more. */
async function line(url: string) {
  const target = new URL(url)
  const { hostname, port } = target
  const pairs: (readonly [Socket, Socket])[] = []
  const unanswered: Socket[] = []
  let answersNew = true
  const server = createServer((near) => {
    near.on('error', () => undefined)
    if (!answersNew) return void unanswered.push(near)
    const far = connect(Number(port), hostname)
    far.on('error', () => undefined)
    near.pipe(far).pipe(near)
    pairs.push([near, far])
    near.on('close', () => far.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  target.port = String((server.address() as AddressInfo).port)
  return {
    url: target.href,
    /** Lines that there are; with `alsoNew`, those that will be opened too. */
    silence({ alsoNew }: { alsoNew: boolean }): void {
      answersNew = !alsoNew
      for (const [near, far] of pairs) {
        near.unpipe(far).pause()
        far.unpipe(near).pause()
      }
    },
    heal(): void {
      answersNew = true
    },
    close(): void {
      server.close()
      for (const socket of [...pairs.flat(), ...unanswered]) socket.destroy()
    },
  }
}

const isoNow = () => '2026-01-01T00:00:00.000Z'
const patienceMs = 800
const limit = { timeout: 30_000 }

for (const alsoNew of [false, true])
  test(
    `a database that has fallen silent ${alsoNew ? 'altogether' : 'on the lines that there are'} is out of reach, and is used again when it answers`,
    limit,
    async (t) => {
      const way = await line(await postgres.fresh())
      t.after(() => way.close())
      const store = await openStore({ kind: 'postgres', url: way.url, patienceMs }, isoNow)
      await store.transaction((tables) => tables.putSite(siteRow('a')))
      way.silence({ alsoNew })
      const put = (name: string) => store.transaction((tables) => tables.putSite(siteRow(name)))
      await assert.rejects(put('b'), coded('WR_STORE', { store: 'PostgreSQL' }))
      way.heal()
      await put('c')
      assert.deepEqual(
        (await store.sites()).map(({ name }) => name),
        ['a', 'c'],
      )
      await store.close()
    },
  )

test('a database that is at work is waited for, however long it is silent', limit, async () => {
  const url = await postgres.fresh()
  const db = new Kysely<Database>({ dialect: postgresDialect(url, patienceMs) })
  const asleep = sql`select pg_sleep(4)`.execute(db)
  await sleep(100)
  await asleep
  await db.destroy()
})
