/** Every row of one database in another, of whatever kind the two are. */
import { Kysely, sql } from 'kysely'
import { migrate } from './migrations.ts'
import type { Database } from './schema.ts'
import { sqliteDialect } from './sqlite.ts'

type Tables = Omit<Database, 'meta'>

/** Of each table, what its rows are named by. */
const keys: { readonly [T in keyof Tables]: readonly (keyof Tables[T] & string)[] } = {
  sites: ['name'],
  tokens: ['secret_sha256'],
  accounts: ['name'],
  studies: ['id'],
  decisions: ['study', 'site'],
  rounds: ['study', 'number'],
  tasks: ['id'],
  forms: ['sha256'],
  events: ['sequence'],
  audit: ['sequence'],
  blob_refs: ['study', 'sha256'],
  imports: ['study'],
  blobs: ['sha256'],
}

/** The largest rows are blobs of 256 KiB, and there may be as many of them as fit. */
const rowsAtOnce = 100

type Row = Readonly<Record<string, unknown>>
type AnyTable = Kysely<Record<string, Record<string, unknown>>>

export async function isEmpty(db: Kysely<Database>): Promise<boolean> {
  for (const [table, key] of Object.entries(keys))
    if ((await page(db, { table, key, after: undefined })).length > 0) return false
  return true
}

/** `to` has the tables, of the same version, and no rows. Both are as one transaction each sees them. */
export async function copyTables(from: Kysely<Database>, to: Kysely<Database>): Promise<void> {
  for (const [table, key] of Object.entries(keys)) {
    let last: Row | undefined
    do {
      const rows = await page(from, { table, key, after: last })
      if (rows.length > 0)
        await (to as unknown as AnyTable)
          .insertInto(table)
          .values([...rows])
          .execute()
      last = rows.length === rowsAtOnce ? rows.at(-1) : undefined
    } while (last !== undefined)
  }
}

type Place = { readonly table: string; readonly key: readonly string[]; readonly after: Row | undefined }

async function page(db: Kysely<Database>, { table, key, after }: Place): Promise<readonly Row[]> {
  const names = sql.join(key.map((name) => sql.ref(name)))
  const next = after === undefined ? sql`` : sql`where (${names}) > (${sql.join(key.map((name) => after[name]))})`
  const query = sql<Row>`select * from ${sql.table(table)} ${next} order by ${names} limit ${sql.lit(rowsAtOnce)}`
  return (await query.execute(db)).rows
}

/** A PostgreSQL database as it is at one moment, as a new SQLite file; its transactions go on meanwhile. */
export async function copyDatabase(from: Kysely<Database>, path: string): Promise<void> {
  const to = new Kysely<Database>({ dialect: sqliteDialect(path) })
  try {
    await migrate(to, 'sqlite')
    const moment = from.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
    await moment.execute((rows) => to.transaction().execute((copies) => copyTables(rows, copies)))
  } finally {
    await to.destroy()
  }
}
