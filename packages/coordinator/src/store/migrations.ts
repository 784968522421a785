/** Every change of the tables, in order; each runs once, in the transaction that notes that it ran. */
import { sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import { waitForOthers } from './postgres.ts'
import type { Database } from './schema.ts'

export type DialectName = 'sqlite' | 'postgres'
type Schema = Kysely<Database>
type Migration = (db: Schema, dialect: DialectName) => Promise<void>

/** Column name → type; `?` may be null, `key` is part of the primary key. */
type Columns = Readonly<
  Record<string, 'text' | 'text?' | 'text key' | 'integer' | 'integer?' | 'integer key' | 'real?' | 'bytes'>
>

async function createTable(
  db: Schema,
  dialect: DialectName,
  { name, columns }: { name: string; columns: Columns },
): Promise<void> {
  const native = {
    // In order of code unit, whatever the database's own language: an order that differed would be another result.
    text: dialect === 'sqlite' ? 'text' : 'text collate "C"',
    integer: dialect === 'sqlite' ? 'integer' : 'bigint',
    real: dialect === 'sqlite' ? 'real' : 'double precision',
    bytes: dialect === 'sqlite' ? 'blob' : 'bytea',
  } as const
  let table: CreateTableBuilder<string, string> = db.schema.createTable(name)
  for (const [column, kind] of Object.entries(columns)) {
    const type = native[kind.split(/[ ?]/)[0] as keyof typeof native]
    table = table.addColumn(column, sql.raw(type), (built) => (kind.endsWith('?') ? built : built.notNull()))
  }
  const keys = Object.keys(columns).filter((column) => columns[column]?.endsWith(' key'))
  table = table.addPrimaryKeyConstraint(`${name}_key`, keys as [string, ...string[]])
  if (dialect === 'sqlite') table = table.modifyEnd(sql`strict`)
  await table.execute()
}

const tables: Readonly<Record<string, Columns>> = {
  sites: { name: 'text key', public_key: 'text', state: 'text', version: 'text', joined_at: 'text' },
  tokens: { secret_sha256: 'text key', site: 'text', expires_at: 'integer', used_at: 'integer?' },
  accounts: { name: 'text key', secret_sha256: 'text' },
  studies: {
    id: 'text key',
    name: 'text',
    plan: 'text',
    plan_hash: 'text',
    offer_signature: 'text',
    state: 'text',
    invited: 'text?',
    attempt: 'integer',
    preparation: 'text?',
    preparation_hash: 'text?',
    findings: 'text',
    best_round: 'integer',
    stop_requested: 'integer',
    outcome: 'text?',
    stopped_because: 'text?',
    published_at: 'text',
    started_at: 'integer?',
    ended_at: 'integer?',
    results: 'text?',
  },
  decisions: {
    study: 'text key',
    site: 'text key',
    decision: 'text',
    reason: 'text?',
    grant: 'text',
    signature: 'text',
  },
  rounds: {
    study: 'text key',
    number: 'integer key',
    phase: 'text',
    cohort: 'text',
    weights_in: 'text',
    weights_out: 'text?',
    strategy_state: 'text?',
    deadline_at: 'integer?',
    started_at: 'integer',
    ended_at: 'integer?',
    value: 'real?',
    result: 'text?',
  },
  tasks: {
    id: 'text key',
    study: 'text',
    kind: 'text',
    round: 'integer',
    site: 'text',
    state: 'text',
    document: 'text',
    signature: 'text',
    result: 'text?',
    issued_at: 'integer',
    settled_at: 'integer?',
    bytes_up: 'integer',
    bytes_down: 'integer',
  },
  events: { sequence: 'integer key', at: 'text', study: 'text?', kind: 'text', payload: 'text' },
  audit: { sequence: 'integer key', at: 'text', kind: 'text', body: 'text', previous: 'text', hash: 'text' },
}

const first: Migration = async (db, dialect) => {
  for (const [name, columns] of Object.entries(tables)) await createTable(db, dialect, { name, columns })
  await db.schema.createIndex('tasks_by_site').on('tasks').columns(['site', 'state', 'issued_at']).execute()
  await db.schema.createIndex('tasks_by_study').on('tasks').columns(['study', 'kind', 'round']).execute()
}

/** Before, an update counted in its own round or not at all. */
const countedIn: Migration = async (db, dialect) => {
  await db.schema
    .alterTable('tasks')
    .addColumn('counted_in', dialect === 'sqlite' ? 'integer' : 'bigint')
    .execute()
  await sql`update tasks set counted_in = round where kind = 'train' and state = 'reported' and exists (select 1 from rounds
    where rounds.study = tasks.study and rounds.number = tasks.round and rounds.phase <> 'collecting')`.execute(db)
}

/** Blobs may be deleted from now on. All that any row of a study names is kept; the coordinator lets go of what is not needed when it starts. */
const blobRefs: Migration = async (db, dialect) => {
  const columns: Columns = { study: 'text key', sha256: 'text key', size_bytes: 'integer' }
  await createTable(db, dialect, { name: 'blob_refs', columns })
  await db.schema.createIndex('blob_refs_by_sha256').on('blob_refs').columns(['sha256']).execute()
  const rounds = await db
    .selectFrom('rounds')
    .select(['study', 'weights_in', 'weights_out', 'strategy_state'])
    .execute()
  const updates = await db
    .selectFrom('tasks')
    .select(['study', 'result'])
    .where('kind', '=', 'train')
    .where('state', '=', 'reported')
    .execute()
  const named = [
    ...rounds.flatMap(({ study, ...texts }) => Object.values(texts).map((text) => ({ study, text }))),
    ...updates.map(({ study, result }) => ({ study, text: result })),
  ]
  for (const { study, text } of named)
    for (const { sha256, sizeBytes } of refsIn(JSON.parse(text ?? 'null')))
      await db
        .insertInto('blob_refs')
        .values({ study, sha256, size_bytes: sizeBytes })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
}

type Ref = { readonly sha256: string; readonly sizeBytes: number }

/** Whatever has a digest and a size, at any depth. */
function refsIn(value: unknown): Ref[] {
  if (typeof value !== 'object' || value === null) return []
  if ('sha256' in value && 'sizeBytes' in value)
    return [{ sha256: String(value.sha256), sizeBytes: Number(value.sizeBytes) }]
  return Object.values(value).flatMap(refsIn)
}

/** Each result asks whether there is another to wait for, each poll for the oldest: no task that is settled is looked at for that. */
const openTasks: Migration = async (db) => {
  const index = (name: string) => db.schema.createIndex(name).on('tasks').where(sql<boolean>`state = 'open'`)
  await index('open_tasks_by_study').columns(['study', 'kind', 'round']).execute()
  await index('open_tasks_by_site').columns(['site', 'issued_at', 'id']).execute()
  await db.schema.dropIndex('tasks_by_site').execute()
}

/** Before, each task had its whole document: a form without holes. */
const forms: Migration = async (db, dialect) => {
  await createTable(db, dialect, { name: 'forms', columns: { sha256: 'text key', text: 'text' } })
  await db.schema.alterTable('tasks').renameColumn('document', 'form').execute()
  const rows = await sql<{ id: string; form: string }>`select id, form from tasks`.execute(db)
  for (const { id, form: text } of rows.rows) {
    const sha256 = sha256Hex(text)
    await db
      .insertInto('forms')
      .values({ sha256, text })
      .onConflict((conflict) => conflict.column('sha256').doNothing())
      .execute()
    await db.updateTable('tasks').set({ form: sha256 }).where('id', '=', id).execute()
  }
}

const smallBlobs: Migration = (db, dialect) =>
  createTable(db, dialect, { name: 'blobs', columns: { sha256: 'text key', bytes: 'bytes' } })

const imports: Migration = (db, dialect) => {
  const columns: Columns = { study: 'text key', coordinator_key: 'text', made_at: 'text', sha256: 'text' }
  return createTable(db, dialect, { name: 'imports', columns })
}

/** A study is looked at often, and tells of its failures: of many thousand tasks nearly none. */
const failedTasks: Migration = (db) =>
  db.schema
    .createIndex('failed_tasks')
    .on('tasks')
    .columns(['study', 'issued_at', 'id'])
    .where(sql<boolean>`state = 'failed'`)
    .execute()

const migrations: readonly Migration[] = [
  first,
  countedIn,
  blobRefs,
  openTasks,
  smallBlobs,
  forms,
  imports,
  failedTasks,
]

/** 0 where there are no tables yet; there is a `meta`. */
async function versionOf(db: Schema): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', 'version').executeTakeFirst()
  return Number(row?.value ?? 0)
}

/** Of a database that may be empty, in which case it is 0. */
export async function foundVersion(db: Schema, dialect: DialectName): Promise<number> {
  // Where this connection would find it: a PostgreSQL database may have others' tables of that name.
  const found =
    dialect === 'sqlite'
      ? sql`select name from sqlite_master where name = 'meta'`
      : sql`select 1 where to_regclass('meta') is not null`
  return (await found.execute(db)).rows.length > 0 ? versionOf(db) : 0
}

/**
 * Brings the tables to a version, in one transaction, so that of two who start at once the second finds the work done. Returns the
 * version found, which is newer than ours if a newer coordinator made it.
 */
export const migrate = (db: Schema, dialect: DialectName, target = migrations.length): Promise<number> =>
  db.transaction().execute(async (transaction) => {
    if (dialect === 'postgres') await waitForOthers(transaction)
    await transaction.schema
      .createTable('meta')
      .ifNotExists()
      .addColumn('key', 'text', (column) => column.primaryKey().notNull())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute()
    const version = await versionOf(transaction)
    if (version >= target) return version
    for (const migration of migrations.slice(version, target)) await migration(transaction, dialect)
    const value = String(target)
    await transaction
      .insertInto('meta')
      .values({ key: 'version', value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute()
    return version
  })

export const latestVersion = migrations.length
