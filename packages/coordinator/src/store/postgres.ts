/** PostgreSQL for Kysely, by URL. */
import { type Dialect, type Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Database } from './schema.ts'
import { patientPool } from './silence.ts'

/** Sums and counters are far below 2^53: numbers, as in SQLite, instead of pg's strings. */
const bigintType = 20

export function postgresDialect(url: string, patienceMs?: number): Dialect {
  const types = {
    getTypeParser: ((oid: number, format?: 'text') =>
      oid === bigintType ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  }
  const config = { connectionString: url, max: 4, types, application_name: 'wardround' }
  return new PostgresDialect({ pool: patientPool(config, patienceMs) })
}

/** Any number, alike in every coordinator. */
const transactionLock = 2_002_875_492

/**
 * Transactions come one after another, as in SQLite: sequence numbers are read and then written, and two that did so at once would
 * write the same. Taken first, so that nobody who holds a row waits for it. Let go of at the end of the transaction.
 */
export async function waitForOthers(transaction: Kysely<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(transactionLock)})`.execute(transaction)
}
