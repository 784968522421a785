/** Queries on tasks. */
import type { TaskKind } from '@wardround/core/protocol/task.ts'
import type { Kysely, Updateable } from 'kysely'
import type { Database, TaskRow } from './schema.ts'

type Settled = Pick<TaskRow, 'state' | 'result' | 'settled_at'> &
  Partial<Pick<TaskRow, 'counted_in' | 'bytes_up' | 'bytes_down'>>

/** Tasks of any kind. */
const anyTasks = (db: Kysely<Database>) => ({
  task: (id: string): Promise<TaskRow | undefined> =>
    db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst(),
  openTask: (site: string): Promise<TaskRow | undefined> =>
    db
      .selectFrom('tasks')
      .selectAll()
      .where('site', '=', site)
      .where('state', '=', 'open')
      .orderBy('issued_at')
      .orderBy('id')
      .executeTakeFirst(),
  /** In order of site name by code unit: a database's own collation could order sums, and so bits, differently. */
  tasksOf: async (study: string, kind: TaskKind, round: number): Promise<TaskRow[]> => {
    const rows = await db
      .selectFrom('tasks')
      .selectAll()
      .where('study', '=', study)
      .where('kind', '=', kind)
      .where('round', '=', round)
      .execute()
    return rows.toSorted((a, b) => (a.site < b.site ? -1 : 1))
  },
  /** Whether a study still waits for a site's answer to tasks of one kind, of `round` or later. */
  waits: async (study: string, kind: TaskKind, round: number): Promise<boolean> => {
    const open = await db
      .selectFrom('tasks')
      .select('id')
      .where('study', '=', study)
      .where('kind', '=', kind)
      .where('round', '>=', round)
      .where('state', '=', 'open')
      .limit(1)
      .executeTakeFirst()
    return open !== undefined
  },
  /** Bytes that a study's tasks have moved. */
  traffic: async (study: string): Promise<{ up: number; down: number }> => {
    const row = await db
      .selectFrom('tasks')
      .select((eb) => [eb.fn.sum('bytes_up').as('up'), eb.fn.sum('bytes_down').as('down')])
      .where('study', '=', study)
      .executeTakeFirst()
    return { up: Number(row?.up ?? 0), down: Number(row?.down ?? 0) }
  },
  studyTasks: (study: string): Promise<TaskRow[]> =>
    db.selectFrom('tasks').selectAll().where('study', '=', study).orderBy('issued_at').orderBy('id').execute(),
  openTasks: (study: string): Promise<TaskRow[]> =>
    db.selectFrom('tasks').selectAll().where('study', '=', study).where('state', '=', 'open').execute(),
  openTasksOfSite: (site: string): Promise<TaskRow[]> =>
    db.selectFrom('tasks').selectAll().where('site', '=', site).where('state', '=', 'open').execute(),
  addTasks: async (rows: readonly TaskRow[]): Promise<void> => {
    if (rows.length > 0)
      await db
        .insertInto('tasks')
        .values([...rows])
        .execute()
  },
  updateTask: async (id: string, change: Updateable<TaskRow>): Promise<void> => {
    await db.updateTable('tasks').set(change).where('id', '=', id).execute()
  },
  /** Settles a task once; false if it was settled before. */
  settleTask: async (id: string, change: Settled): Promise<boolean> => {
    const result = await db
      .updateTable('tasks')
      .set(change)
      .where('id', '=', id)
      .where('state', '=', 'open')
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  },
})

/** What only training has: updates that count in a round. */
const training = (db: Kysely<Database>) => ({
  /** Train tasks of rounds `from` … `to`, in order of site name, then of round. */
  trainTasks: async (study: string, { from, to }: { from: number; to: number }): Promise<TaskRow[]> => {
    const rows = await db
      .selectFrom('tasks')
      .selectAll()
      .where('study', '=', study)
      .where('kind', '=', 'train')
      .where('round', '>=', from)
      .where('round', '<=', to)
      .execute()
    return rows.toSorted((a, b) => (a.site < b.site ? -1 : a.site > b.site ? 1 : a.round - b.round))
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
    const rows = await db
      .selectFrom('tasks')
      .select('result')
      .where('study', '=', study)
      .where('kind', '=', 'train')
      .where('round', '>=', from)
      .where('state', '=', 'reported')
      .where((eb) => eb.or([eb('counted_in', 'is', null), eb('counted_in', '=', round)]))
      .execute()
    return rows.flatMap(({ result }) => result ?? [])
  },
  /** Each site's latest round whose update has counted. */
  lastCounted: async (study: string): Promise<ReadonlyMap<string, number>> => {
    const rows = await db
      .selectFrom('tasks')
      .select((eb) => ['site', eb.fn.max('round').as('round')])
      .where('study', '=', study)
      .where('kind', '=', 'train')
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
