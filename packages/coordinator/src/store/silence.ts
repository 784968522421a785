/**
 * Connections to a PostgreSQL that may fall silent: its network is cut, its machine stands still, a firewall has forgotten the line. TCP would wait
 * for a quarter of an hour. A server that is busy is silent, too: so it is asked, on a line of its own, whether it is at work on what is waited for.
 */
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'

/** After so long without an answer the server is asked, and again. */
const usualPatienceMs = 20_000

/** A line is given up when the server has twice not been at work on its query: once, the answer may be on its way. */
const looks = 2

export function patientPool(config: pg.PoolConfig, patienceMs = usualPatienceMs): PostgresPool {
  const limits = { connectionTimeoutMillis: patienceMs, keepAlive: true, keepAliveInitialDelayMillis: patienceMs }
  const pool = new pg.Pool({ ...config, ...limits })
  // A connection that the server ends: its next query fails, or the pool opens another. Unheard, these events would end this process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const isAtWork = (client: pg.PoolClient): Promise<boolean> =>
    serverIsAtWork({ ...config, ...limits, query_timeout: patienceMs }, client)
  return {
    async connect() {
      const client = await pool.connect()
      const query = async (text: string, parameters: readonly unknown[]) => {
        const watch = watching(client, isAtWork, patienceMs)
        try {
          return await client.query(text, [...parameters])
        } finally {
          watch.stop()
        }
      }
      // Cursors, its other form, are asked of a dialect that has them.
      return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() }
    },
    end: () => pool.end(),
  }
}

function watching(
  client: pg.PoolClient,
  isAtWork: (client: pg.PoolClient) => Promise<boolean>,
  patienceMs: number,
): { stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let missed = 0
  let stopped = false
  const look = async (): Promise<void> => {
    missed = (await isAtWork(client)) ? 0 : missed + 1
    if (stopped) return
    if (missed < looks) wait()
    // What waits on it fails as on a line that was cut, and the pool drops it.
    else void client.end()
  }
  const wait = (): void => {
    timer = setTimeout(() => void look(), patienceMs)
  }
  wait()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function serverIsAtWork(config: pg.ClientConfig, client: pg.PoolClient): Promise<boolean> {
  const other = new pg.Client(config)
  other.on('error', () => undefined)
  try {
    await other.connect()
    const process = 'processID' in client ? client.processID : null
    const question = `select 1 from pg_stat_activity where pid = $1 and state = 'active'`
    const { rows } = await other.query(question, [process])
    return rows.length > 0
  } catch {
    // It does not answer: it is not at work for us.
    return false
  } finally {
    void other.end().catch(() => undefined)
  }
}
