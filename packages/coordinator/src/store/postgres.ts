/** PostgreSQL for Kysely, by URL. */
import { type Dialect, PostgresDialect } from 'kysely'
import pg from 'pg'

/** Sums and counters are far below 2^53: numbers, as in SQLite, instead of pg's strings. */
const bigintType = 20

export function postgresDialect(url: string): Dialect {
  const types = {
    getTypeParser: ((oid: number, format?: 'text') =>
      oid === bigintType ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  }
  return new PostgresDialect({
    pool: new pg.Pool({ connectionString: url, max: 4, types, application_name: 'wardround' }),
  })
}
