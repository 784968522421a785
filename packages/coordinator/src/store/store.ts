/**
 * What the coordinator remembers. Every method is one query; whatever belongs together happens in `transaction`, where the event
 * and audit rows of a change are written with the change itself.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { type ChainEntry, chained, genesis } from '@wardround/core/protocol/chain.ts'
import { eventSchema, type NewEvent, type StoredEvent } from '@wardround/core/protocol/events.ts'
import { type Kysely, sql, type Updateable } from 'kysely'
import { archive } from './archive.ts'
import { blobs } from './blobs.ts'
import { chunks } from './chunks.ts'
import { storeError, storeFailure } from './failures.ts'
import { groupCommit } from './group-commit.ts'
import { latestVersion, migrate } from './migrations.ts'
import { openDatabase, type StoreOptions } from './open.ts'
import { people } from './people.ts'
import { waitForOthers } from './postgres.ts'
import { prepared } from './prepared.ts'
import { references } from './references.ts'
import type { Database, DecisionRow, EventRow, RoundRow, StudyRow } from './schema.ts'
import { keepOld } from './sqlite.ts'
import { tasks } from './tasks.ts'

/** Events and audit entries are written in transactions only, with the change that they tell of. */
export type Store = Omit<Tables, 'event' | 'putEvents' | 'audit'> & {
  /** All or nothing, one at a time, durable when it resolves. Subscribers hear of new events after the commit. */
  transaction<T>(work: (tables: Writing) => Promise<T>): Promise<T>
  /** Called after each commit that appended events. */
  onEvents(listener: () => void): () => void
  /** All of it as it is at one moment, durably, as a new SQLite file of this version. Transactions go on meanwhile. */
  copyTo(path: string): Promise<void>
  close(): Promise<void>
}

/** Errors: WR_STORE, WR_LOCKED, WR_PERMISSION; WR_VERSION where a newer coordinator has changed the tables. */
export async function openStore(options: StoreOptions, isoNow: () => string): Promise<Store> {
  const { db, copyTo } = openDatabase(options)
  try {
    if (options.kind === 'sqlite') await keepOld(db, options.path)
    const found = await migrate(db, options.kind)
    if (found > latestVersion)
      throw new WardroundError('WR_VERSION', { theirs: `store ${found}`, ours: `store ${latestVersion}` })
  } catch (error) {
    await db.destroy()
    if (error instanceof WardroundError) throw error
    throw storeFailure(options.kind, error)
  }
  const listeners = new Set<() => void>()
  let closed = false
  const fail = (error: unknown): never => {
    // Work that goes on while the coordinator closes finds no store: it is tried again, at the next start.
    throw closed ? storeFailure(options.kind, error) : storeError(options.kind, error)
  }
  let appended = false
  const commit = groupCommit(db, {
    gather: options.kind === 'sqlite' && options.path !== ':memory:' ? turn : async () => undefined,
    begin: async (transaction) => {
      appended = false
      if (options.kind === 'postgres') await waitForOthers(transaction)
    },
    committed: () => {
      if (appended) for (const listener of listeners) listener()
    },
    lost: (cause) => storeFailure(options.kind, cause),
  })
  return {
    ...failing(tablesOf(db, isoNow), fail),
    transaction: (work) => {
      let durable: (() => void)[] = []
      return commit(async (transaction) => {
        const tables = tablesOf(transaction, isoNow)
        durable = []
        let own = false
        const event: Tables['event'] = (...events) => {
          own ||= events.length > 0
          return tables.event(...events)
        }
        const result = await work({ ...tables, event, afterCommit: (listener) => void durable.push(listener) })
        // Of one that fails there is nothing to hear.
        appended ||= own
        return result
      }).then((result) => {
        for (const listener of durable) listener()
        return result
      }, fail)
    },
    onEvents(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    copyTo: (path) => copyTo(path).catch(fail),
    close: () => {
      closed = true
      return db.destroy()
    },
  }
}

/** SQLite's commit lets nobody in: requests that have come already are read before it. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

export type Tables = ReturnType<typeof tablesOf>

/** In a transaction. */
export type Writing = Tables & {
  /** `listener` is called when what is written is durable, and never where it is not. */
  afterCommit(listener: () => void): void
}

/** The same methods; what they reject with goes through `fail`. */
const failing = (tables: Tables, fail: (error: unknown) => never): Tables =>
  Object.fromEntries(
    Object.entries(tables).map(([name, method]) => [
      name,
      (...given: never[]) => (method as (...given: never[]) => Promise<unknown>)(...given).catch(fail),
    ]),
  ) as Tables

function tablesOf(db: Kysely<Database>, isoNow: () => string) {
  return {
    ...people(db),
    ...studies(db),
    ...tasks(db),
    ...references(db),
    ...records(db, isoNow),
    ...blobs(db),
    ...archive(db),
  }
}

const studyById = prepared((db: Kysely<Database>, { id }: { id: string }) =>
  db.selectFrom('studies').selectAll().where('id', '=', id),
)

type OfStudy = { readonly study: string }
type OfRound = Pick<RoundRow, 'study' | 'number'>
/** Part of the text: SQLite plans a query anew whenever it is given a limit. */
const [one, completed] = [sql.lit(1), sql.lit('completed' as const)]

const decisionsOf = prepared((db: Kysely<Database>, { study }: OfStudy) =>
  db.selectFrom('decisions').selectAll().where('study', '=', study).orderBy('site'),
)
const roundByNumber = prepared((db: Kysely<Database>, { study, number }: OfRound) =>
  db.selectFrom('rounds').selectAll().where('study', '=', study).where('number', '=', number),
)
const latestRound = prepared((db: Kysely<Database>, { study }: OfStudy) =>
  db.selectFrom('rounds').selectAll().where('study', '=', study).orderBy('number', 'desc').limit(one),
)
const valuesOfCompleted = prepared((db: Kysely<Database>, { study }: OfStudy) =>
  db
    .selectFrom('rounds')
    .select(['number', 'value'])
    .where('study', '=', study)
    .where('phase', '=', completed)
    .orderBy('number'),
)
const lastCompletedBefore = prepared((db: Kysely<Database>, { study, number }: OfRound) =>
  db
    .selectFrom('rounds')
    .selectAll()
    .where('study', '=', study)
    .where('phase', '=', completed)
    .where('number', '<', number)
    .orderBy('number', 'desc')
    .limit(one),
)

const studies = (db: Kysely<Database>) => ({
  study: async (id: string): Promise<StudyRow | undefined> => (await studyById(db, { id })).rows[0],
  studies: (): Promise<StudyRow[]> =>
    db.selectFrom('studies').selectAll().orderBy('published_at').orderBy('id').execute(),
  addStudy: async (row: StudyRow): Promise<void> => {
    await db.insertInto('studies').values(row).execute()
  },
  updateStudy: async (id: string, change: Updateable<StudyRow>): Promise<void> => {
    await db.updateTable('studies').set(change).where('id', '=', id).execute()
  },
  decisions: async (study: string): Promise<DecisionRow[]> => (await decisionsOf(db, { study })).rows,
  putDecision: async (row: DecisionRow): Promise<void> => {
    const { study: _, site: __, ...rest } = row
    await db
      .insertInto('decisions')
      .values(row)
      .onConflict((conflict) => conflict.columns(['study', 'site']).doUpdateSet(rest))
      .execute()
  },
  rounds: (study: string): Promise<RoundRow[]> =>
    db.selectFrom('rounds').selectAll().where('study', '=', study).orderBy('number').execute(),
  /** Rounds that were completed, with what was watched in each, in order. */
  completedRounds: async (study: string): Promise<Pick<RoundRow, 'number' | 'value'>[]> =>
    (await valuesOfCompleted(db, { study })).rows,
  /** The last completed round before `number`. */
  completedBefore: async (study: string, number: number): Promise<RoundRow | undefined> =>
    (await lastCompletedBefore(db, { study, number })).rows[0],
  round: async (study: string, number: number): Promise<RoundRow | undefined> =>
    (await roundByNumber(db, { study, number })).rows[0],
  lastRound: async (study: string): Promise<RoundRow | undefined> => (await latestRound(db, { study })).rows[0],
  /** A new round, or another state of one. */
  putRound: async (row: RoundRow): Promise<void> => {
    const { study: _, number: __, ...rest } = row
    await db
      .insertInto('rounds')
      .values(row)
      .onConflict((conflict) => conflict.columns(['study', 'number']).doUpdateSet(rest))
      .execute()
  },
  updateRound: async (
    { study, number }: Pick<RoundRow, 'study' | 'number'>,
    change: Updateable<RoundRow>,
  ): Promise<void> => {
    await db.updateTable('rounds').set(change).where('study', '=', study).where('number', '=', number).execute()
  },
})

/** One event: numbered by the statement that writes it. */
const addEvent = prepared((db: Kysely<Database>, { at, study, kind, payload }: Omit<EventRow, 'sequence'>) =>
  db.insertInto('events').values((eb) => ({
    sequence: eb
      .selectFrom('events')
      .select((own) => sql<number>`coalesce(${own.fn.max('sequence')}, 0) + 1`.as('next')),
    at,
    study,
    kind,
    payload,
  })),
)
const lastEvent = prepared((db: Kysely<Database>) =>
  db.selectFrom('events').select((eb) => eb.fn.max('sequence').as('last')),
)

const records = (db: Kysely<Database>, isoNow: () => string) => ({
  /** In the order given, with the numbers that come next. */
  event: async (...events: readonly NewEvent[]): Promise<void> => {
    const rows = events.map(({ study, kind, payload }) => ({
      at: isoNow(),
      study,
      kind,
      payload: JSON.stringify(payload),
    }))
    const [first, ...others] = rows
    if (first === undefined) return
    if (others.length === 0) return void (await addEvent(db, first))
    const last = await lastSequence(db)
    const numbered = rows.map((row, index): EventRow => ({ sequence: last + 1 + index, ...row }))
    for (const some of chunks(numbered)) await db.insertInto('events').values(some).execute()
  },
  /** With numbers and times of their own, which come after all others. */
  putEvents: async (rows: readonly EventRow[]): Promise<void> => {
    for (const some of chunks(rows)) await db.insertInto('events').values(some).execute()
  },
  lastSequence: (): Promise<number> => lastSequence(db),
  events: async ({
    after,
    study,
    limit,
  }: {
    after: number
    study?: string | undefined
    limit: number
  }): Promise<StoredEvent[]> => {
    const query = db
      .selectFrom('events')
      .selectAll()
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(sql.lit(limit))
    const rows = await (study === undefined ? query : query.where('study', '=', study)).execute()
    return rows.map((row) => eventSchema.parse({ ...row, payload: JSON.parse(row.payload) }))
  },
  audit: async (kind: string, body: Record<string, unknown>): Promise<void> => {
    const last = await db
      .selectFrom('audit')
      .selectAll()
      .orderBy('sequence', 'desc')
      .limit(sql.lit(1))
      .executeTakeFirst()
    const entry = chained({ sequence: (last?.sequence ?? 0) + 1, at: isoNow(), kind, body }, last?.hash ?? genesis)
    await db
      .insertInto('audit')
      .values({ ...entry, body: canonicalJson(body) })
      .execute()
  },
  auditEntries: async (after: number, limit: number): Promise<ChainEntry[]> => {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(sql.lit(limit))
      .execute()
    return rows.map((row) => ({ ...row, body: jsonOrText(row.body) }))
  },
})

/** A row that somebody changed may be no JSON any more: it is shown as it is, and fits no chain. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const lastSequence = async (db: Kysely<Database>): Promise<number> =>
  Number((await lastEvent(db, {})).rows[0]?.last ?? 0)
