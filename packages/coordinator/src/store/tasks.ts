/** Queries on tasks. */
import type { TaskKind } from '@wardround/core/protocol/task.ts'
import { type Kysely, sql, type Updateable } from 'kysely'
import { chunks } from './chunks.ts'
import { formOfOne, recordsOf, rowsOf, withForms } from './forms.ts'
import { prepared } from './prepared.ts'
import type { Database, FormedTask, TaskRecord, TaskRow } from './schema.ts'

type Db = Kysely<Database>

const taskById = prepared((db: Db, { id }: { id: string }) => db.selectFrom('tasks').selectAll().where('id', '=', id))

/**
 * Part of the text, not values that are given: an index of open tasks serves no query that might ask for others, and SQLite plans a query anew
 * whenever it is given a limit.
 */
const [open, failed, reported] = [sql.lit('open' as const), sql.lit('failed' as const), sql.lit('reported' as const)]
const [train, one] = [sql.lit('train' as const), sql.lit(1)]

const oldestOpen = prepared((db: Db, { site }: { site: string }) =>
  db
    .selectFrom('tasks')
    .selectAll()
    .where('site', '=', site)
    .where('state', '=', open)
    .orderBy('issued_at')
    .orderBy('id')
    .limit(one),
)

const allOpenOfSite = prepared((db: Db, { site }: { site: string }) =>
  db.selectFrom('tasks').selectAll().where('site', '=', site).where('state', '=', open),
)

const anyOpen = prepared((db: Db, { study, kind, round }: Pick<TaskRow, 'study' | 'kind' | 'round'>) =>
  db
    .selectFrom('tasks')
    .select('id')
    .where('study', '=', study)
    .where('kind', '=', kind)
    .where('round', '>=', round)
    .where('state', '=', open)
    .limit(one),
)

const ofRound = prepared((db: Db, { study, kind, round }: Pick<TaskRow, 'study' | 'kind' | 'round'>) =>
  db.selectFrom('tasks').selectAll().where('study', '=', study).where('kind', '=', kind).where('round', '=', round),
)

const trainedIn = prepared((db: Db, { study, from, to }: { study: string; from: number; to: number }) =>
  db
    .selectFrom('tasks')
    .selectAll()
    .where('study', '=', study)
    .where('kind', '=', train)
    .where('round', '>=', from)
    .where('round', '<=', to),
)

const resultsThatMayCount = prepared((db: Db, { study, from, round }: { study: string; from: number; round: number }) =>
  db
    .selectFrom('tasks')
    .select('result')
    .where('study', '=', study)
    .where('kind', '=', train)
    .where('round', '>=', from)
    .where('state', '=', reported)
    .where((eb) => eb.or([eb('counted_in', 'is', null), eb('counted_in', '=', round)])),
)

const openSites = prepared((db: Db, { study }: { study: string }) =>
  db.selectFrom('tasks').select('site').distinct().where('study', '=', study).where('state', '=', open),
)

/** Of so many a page of a study tells. */
const failuresShown = sql.lit(200)

const lastFailed = prepared((db: Db, { study }: { study: string }) =>
  db
    .selectFrom('tasks')
    .selectAll()
    .where('study', '=', study)
    .where('state', '=', failed)
    .orderBy('issued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(failuresShown),
)

type Settled = Pick<TaskRow, 'state' | 'result' | 'settled_at'> &
  Partial<Pick<TaskRow, 'counted_in' | 'bytes_up' | 'bytes_down'>>
type Reported = Omit<Required<Settled>, 'counted_in'>

/** What nearly every task is settled with. */
const isReport = (change: Settled): change is Reported =>
  'bytes_up' in change && 'bytes_down' in change && !('counted_in' in change)

const settleReported = prepared(
  (db: Db, { id, state, result, settled_at, bytes_up, bytes_down }: Reported & { id: string }) =>
    db
      .updateTable('tasks')
      .set({ state, result, settled_at, bytes_up, bytes_down })
      .where('id', '=', id)
      .where('state', '=', open),
)

/** Tasks of any kind. */
const anyTasks = (db: Kysely<Database>) => ({
  task: async (id: string): Promise<TaskRow | undefined> => (await rowsOf(db, (await taskById(db, { id })).rows))[0],
  openTask: async (site: string): Promise<FormedTask | undefined> =>
    (await withForms(db, (await oldestOpen(db, { site })).rows))[0],
  /** In order of site name by code unit: a database's own collation could order sums, and so bits, differently. */
  tasksOf: async (study: string, kind: TaskKind, round: number): Promise<TaskRow[]> => {
    const { rows } = await ofRound(db, { study, kind, round })
    return rowsOf(
      db,
      rows.toSorted((a, b) => (a.site < b.site ? -1 : 1)),
    )
  },
  /** Whether a study still waits for a site's answer to tasks of one kind, of `round` or later. */
  waits: async (study: string, kind: TaskKind, round: number): Promise<boolean> =>
    (await anyOpen(db, { study, kind, round })).rows.length > 0,
  /** Bytes that a study's tasks have moved. */
  traffic: async (study: string): Promise<{ up: number; down: number }> => {
    const row = await db
      .selectFrom('tasks')
      .select((eb) => [eb.fn.sum('bytes_up').as('up'), eb.fn.sum('bytes_down').as('down')])
      .where('study', '=', study)
      .executeTakeFirst()
    return { up: Number(row?.up ?? 0), down: Number(row?.down ?? 0) }
  },
  studyTasks: async (study: string): Promise<TaskRow[]> =>
    rowsOf(
      db,
      await db.selectFrom('tasks').selectAll().where('study', '=', study).orderBy('issued_at').orderBy('id').execute(),
    ),
  /** The latest that failed, the last one first. */
  lastFailures: async (study: string): Promise<TaskRow[]> => rowsOf(db, (await lastFailed(db, { study })).rows),
  /** Sites that a study waits for, in order of name. */
  sitesAwaited: async (study: string): Promise<string[]> =>
    (await openSites(db, { study })).rows.map(({ site }) => site).toSorted(),
  openTasks: async (study: string): Promise<TaskRow[]> =>
    rowsOf(
      db,
      await db.selectFrom('tasks').selectAll().where('study', '=', study).where('state', '=', 'open').execute(),
    ),
  openTasksOfSite: async (site: string): Promise<FormedTask[]> =>
    withForms(db, (await allOpenOfSite(db, { site })).rows),
  addTasks: async (rows: readonly TaskRow[]): Promise<void> => {
    const records: readonly TaskRecord[] = await recordsOf(db, rows)
    for (const some of chunks(records)) await db.insertInto('tasks').values(some).execute()
  },
  updateTask: async (id: string, { document, ...change }: Updateable<TaskRow>): Promise<void> => {
    const form = document === undefined ? {} : { form: await formOfOne(db, document) }
    await db
      .updateTable('tasks')
      .set({ ...change, ...form })
      .where('id', '=', id)
      .execute()
  },
  /** Settles a task once; false if it was settled before. */
  settleTask: async (id: string, change: Settled): Promise<boolean> => {
    if (isReport(change)) return (await settleReported(db, { id, ...change })).numAffectedRows === 1n
    const { numUpdatedRows } = await db
      .updateTable('tasks')
      .set(change)
      .where('id', '=', id)
      .where('state', '=', 'open')
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },
})

/** What only training has: updates that count in a round. */
const training = (db: Kysely<Database>) => ({
  /** Train tasks of rounds `from` … `to`, in order of site name, then of round. */
  trainTasks: async (study: string, { from, to }: { from: number; to: number }): Promise<TaskRow[]> => {
    const { rows } = await trainedIn(db, { study, from, to })
    return rowsOf(
      db,
      rows.toSorted((a, b) => (a.site < b.site ? -1 : a.site > b.site ? 1 : a.round - b.round)),
    )
  },
  /** Rounds of which a site is still training. */
  openRounds: async (study: string): Promise<number[]> => {
    const rows = await db
      .selectFrom('tasks')
      .select('round')
      .distinct()
      .where('study', '=', study)
      .where('kind', '=', 'train')
      .where('state', '=', 'open')
      .execute()
    return rows.map(({ round }) => round)
  },
  /** Results of training of rounds from `from` on that have counted in no round yet, or in `round`. */
  resultsFor: async (study: string, { from, round }: { from: number; round: number }): Promise<string[]> => {
    const { rows } = await resultsThatMayCount(db, { study, from, round })
    return rows.flatMap(({ result }) => result ?? [])
  },
  /** Each site's latest round whose update has counted; one that was damaged and did not come again has not. */
  lastCounted: async (study: string): Promise<ReadonlyMap<string, number>> => {
    const rows = await db
      .selectFrom('tasks')
      .select((eb) => ['site', eb.fn.max('round').as('round')])
      .where('study', '=', study)
      .where('kind', '=', 'train')
      .where('state', '=', 'reported')
      .where('counted_in', 'is not', null)
      .groupBy('site')
      .execute()
    return new Map(rows.map(({ site, round }) => [site, Number(round)]))
  },
  /** Writes down that these updates count in `round`; those that have counted already stay as they are. */
  countIn: async (round: number, ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return
    await db
      .updateTable('tasks')
      .set({ counted_in: round })
      .where('id', 'in', [...ids])
      .where('counted_in', 'is', null)
      .execute()
  },
})

export const tasks = (db: Kysely<Database>) => ({ ...anyTasks(db), ...training(db) })
