/** Queries for studies that leave as a file, or come as one: rows as they are kept. */
import { type Kysely, sql } from 'kysely'
import { chunks } from './chunks.ts'
import { prepared } from './prepared.ts'
import type { Database, FormRow, ImportRow, RoundRow, TaskRecord } from './schema.ts'

/** Rows of one page. */
type Page = { readonly after: string; readonly limit: number }

const importByStudy = prepared((db: Kysely<Database>, { study }: { study: string }) =>
  db.selectFrom('imports').selectAll().where('study', '=', study),
)

export const archive = (db: Kysely<Database>) => ({
  importOf: async (study: string): Promise<ImportRow | undefined> => (await importByStudy(db, { study })).rows[0],
  addImport: async (row: ImportRow): Promise<void> => void (await db.insertInto('imports').values(row).execute()),
  taskRecords: (study: string, { after, limit }: Page): Promise<TaskRecord[]> =>
    db
      .selectFrom('tasks')
      .selectAll()
      .where('study', '=', study)
      .where('id', '>', after)
      .orderBy('id')
      .limit(sql.lit(limit))
      .execute(),
  studyForms: (study: string, { after, limit }: Page): Promise<FormRow[]> =>
    db
      .selectFrom('forms')
      .selectAll()
      .where('sha256', 'in', (of) => of.selectFrom('tasks').select('form').where('study', '=', study))
      .where('sha256', '>', after)
      .orderBy('sha256')
      .limit(sql.lit(limit))
      .execute(),
  addTaskRecords: async (rows: readonly TaskRecord[]): Promise<void> => {
    for (const some of chunks(rows)) await db.insertInto('tasks').values(some).execute()
  },
  /** One that is there already is the same. */
  addForms: async (rows: readonly FormRow[]): Promise<void> => {
    for (const some of chunks(rows))
      await db
        .insertInto('forms')
        .values(some)
        .onConflict((conflict) => conflict.column('sha256').doNothing())
        .execute()
  },
  addRounds: async (rows: readonly RoundRow[]): Promise<void> => {
    for (const some of chunks(rows)) await db.insertInto('rounds').values(some).execute()
  },
})
