/** A database, opened as it is: nothing is migrated. */
import { Kysely } from 'kysely'
import { copyDatabase } from './copy.ts'
import { postgresDialect } from './postgres.ts'
import type { Database } from './schema.ts'
import { type SqliteDialect, sqliteDialect } from './sqlite.ts'

export type StoreOptions =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'postgres'
      readonly url: string
      /** How long it may be silent before it is asked whether it is at work. */
      readonly patienceMs?: number
    }

export type Opened = { readonly db: Kysely<Database> } & Pick<SqliteDialect, 'copyTo'>

/** Errors: of sqliteDialect(). */
export function openDatabase(options: StoreOptions): Opened {
  if (options.kind === 'sqlite') {
    const dialect = sqliteDialect(options.path)
    return { db: new Kysely<Database>({ dialect }), copyTo: dialect.copyTo }
  }
  const db = new Kysely<Database>({ dialect: postgresDialect(options.url, options.patienceMs) })
  return { db, copyTo: (path) => copyDatabase(db, path) }
}
