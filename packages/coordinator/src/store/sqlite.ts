/** SQLite, built into Node, for Kysely: durable (WAL, synchronous FULL), one process a file. */
import { renameSync, rmSync } from 'node:fs'
import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { WardroundError } from '@wardround/core/errors.ts'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { foundVersion, latestVersion } from './migrations.ts'
import type { Database } from './schema.ts'

/** A dialect of a database that can be copied while it is used. */
export type SqliteDialect = Dialect & {
  /** As it is at one moment, durably, into a new file. Whoever wants the database meanwhile waits. */
  copyTo(path: string): Promise<void>
}

/** `path` is a file, or ':memory:'. Errors: WR_LOCKED while another process has it open, WR_PERMISSION, WR_STORE. */
export function sqliteDialect(path: string): SqliteDialect {
  const database = open(path)
  const { acquire, release } = lending()
  return {
    async copyTo(to) {
      // By another thread: between two statements of a transaction it would copy half of that, and where many follow each other it would not end.
      await acquire()
      await backup(database, to, { rate: pagesAtOnce }).finally(release)
    },
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => driverOf(database, { acquire, release }),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

type Lending = { readonly acquire: () => Promise<void>; readonly release: () => void }

/** One connection, lent to one after another: a thousand may wait for it, and only the next of them is woken. */
function lending(): Lending {
  const waiting: (() => void)[] = []
  let lent = false
  return {
    acquire() {
      if (lent) return new Promise((resolve) => waiting.push(resolve))
      lent = true
      return Promise.resolve()
    },
    release() {
      const next = waiting.shift()
      if (next === undefined) lent = false
      else next()
    },
  }
}

function driverOf(database: DatabaseSync, { acquire, release }: Lending): Driver {
  const connection = connectionTo(database)
  return {
    init: async () => undefined,
    acquireConnection: () => acquire().then(() => connection),
    releaseConnection: async () => release(),
    beginTransaction: async () => database.exec('begin'),
    commitTransaction: async () => database.exec('commit'),
    // A full disk, among others, has rolled it back already.
    rollbackTransaction: async () => (database.isTransaction ? database.exec('rollback') : undefined),
    destroy: async () => database.close(),
  }
}

/** Before a file of an earlier version is migrated: a copy of it, `NAME.version-N`, for whoever has to go back. */
export async function keepOld(db: Kysely<Database>, path: string): Promise<void> {
  const version = await foundVersion(db, 'sqlite')
  const kept = `${path}.version-${version}`
  if (version === 0 || version >= latestVersion) return
  rmSync(`${kept}.new`, { force: true })
  await sql`vacuum into ${`${kept}.new`}`.execute(db)
  renameSync(`${kept}.new`, kept)
}

/** 256 MiB. */
const pagesAtOnce = 1 << 16

/** Preparing costs more than running: the coordinator's few statements are kept. */
const keptStatements = 200

type Prepared = { readonly statement: StatementSync; readonly reads: boolean }

function connectionTo(database: DatabaseSync): DatabaseConnection {
  const kept = new Map<string, Prepared>()
  const prepare = (sql: string): Prepared => {
    const known = kept.get(sql)
    if (known !== undefined) return known
    if (kept.size >= keptStatements) kept.clear()
    const statement = database.prepare(sql)
    const made = { statement, reads: statement.columns().length > 0 }
    kept.set(sql, made)
    return made
  }
  return {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const { statement, reads } = prepare(sql)
      const values = parameters as readonly SQLInputValue[]
      if (reads) return { rows: statement.all(...values) as Row[] }
      return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) }
    },
    // Nothing here asks for rows one by one.
    streamQuery: () => {
      throw new WardroundError('WR_INTERNAL', { what: 'SQLite has no streams here' })
    },
  }
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path)
    // Exclusive: the operating system keeps a second process out, and lets go when this one ends, however it ends.
    database.exec(
      'pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000',
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
