/** SQLite, built into Node, for Kysely: durable (WAL, synchronous FULL), one process a file. */
import { renameSync, rmSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { WardroundError } from '@wardround/core/errors.ts'
import { type Dialect, type Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement, sql } from 'kysely'
import { foundVersion, latestVersion } from './migrations.ts'
import type { Database } from './schema.ts'

/** `path` is a file, or ':memory:'. Errors: WR_LOCKED while another process has it open, WR_PERMISSION, WR_STORE. */
export function sqliteDialect(path: string): Dialect {
  const database = open(path)
  const statements = statementCache(database)
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare: statements,
    },
  })
}

/** Before a file of an earlier version is migrated: a copy of it, `NAME.version-N`, for whoever has to go back. */
export async function keepOld(db: Kysely<Database>, path: string): Promise<void> {
  const version = await foundVersion(db)
  const kept = `${path}.version-${version}`
  if (version === 0 || version >= latestVersion) return
  rmSync(`${kept}.new`, { force: true })
  await sql`vacuum into ${`${kept}.new`}`.execute(db)
  renameSync(`${kept}.new`, kept)
}

/** Preparing costs more than running: the coordinator's few statements are kept. */
const keptStatements = 200

function statementCache(database: DatabaseSync): SqliteDatabase['prepare'] {
  const kept = new Map<string, SqliteStatement>()
  return (sql) => {
    const known = kept.get(sql)
    if (known !== undefined) return known
    if (kept.size >= keptStatements) kept.clear()
    const statement = database.prepare(sql)
    const values = (parameters: readonly unknown[]): SQLInputValue[] =>
      parameters.map((value) => value as SQLInputValue)
    const made: SqliteStatement = {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...values(parameters)),
      run: (parameters) => statement.run(...values(parameters)),
      iterate: (parameters) => statement.iterate(...values(parameters)),
    }
    kept.set(sql, made)
    return made
  }
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path)
    // Exclusive: the operating system keeps a second process out, and lets go when this one ends, however it ends.
    database.exec(
      'pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on',
    )
    database.exec('begin immediate; commit')
    return database
  } catch (error) {
    if (error instanceof Error && error.message.includes('locked'))
      throw new WardroundError('WR_LOCKED', { path }, { cause: error })
    throw new WardroundError(
      'WR_STORE',
      { store: 'SQLite', reason: error instanceof Error ? error.message : 'It cannot be opened.' },
      { cause: error },
    )
  }
}
