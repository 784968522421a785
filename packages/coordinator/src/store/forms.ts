/**
 * What the tasks of a round have in common, kept once: the documents of a thousand sites differ in their task's name and their site's. A form
 * is a document with holes in those two places; filled in again it is that very text, which the signature is over.
 */

import { WardroundError } from '@wardround/core/errors.ts'
import type { Kysely } from 'kysely'
import { sha256Of } from '../digest.ts'
import { prepared } from './prepared.ts'
import type { Database, FormedTask, TaskRecord, TaskRow } from './schema.ts'

/** JSON escapes such characters: no document has one of its own. */
const [idHole, siteHole] = ['\u0001', '\u0002']

export type Form = { readonly sha256: string; readonly text: string }
type Own = Pick<TaskRow, 'id' | 'site'>

/** The first place where each stands, whatever place that is: filled() puts it back there. */
export const formOf = ({ document, id, site }: Own & Pick<TaskRow, 'document'>): Form =>
  named(document.replace(`"id":"${id}"`, `"id":"${idHole}"`).replace(`"site":"${site}"`, `"site":"${siteHole}"`))

const named = (text: string): Form => ({ sha256: sha256Of(text), text })

type Parts = readonly string[]
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the holes
const partsOf = (form: string): Parts => form.split(/([\u0001\u0002])/)

/** Added up, which writes nothing: most who ask for a task never read these kilobytes. */
const filled = (parts: Parts, { id, site }: Own): string =>
  parts.reduce((text, part) => text + (part === idHole ? id : part === siteHole ? site : part), '')

const addForm = prepared((db: Kysely<Database>, { sha256, text }: Form) =>
  db
    .insertInto('forms')
    .values({ sha256, text })
    .onConflict((conflict) => conflict.column('sha256').doNothing()),
)

const formBySha256 = prepared((db: Kysely<Database>, { sha256 }: { sha256: string }) =>
  db.selectFrom('forms').select('text').where('sha256', '=', sha256),
)

type Known = { readonly parts: Map<string, Parts>; characters: number }

/**
 * Forms that were asked for lately; what has such a name never changes. By database, or a form that was not kept in one would be found all the same
 * while another has it in memory.
 */
const knownBy = new WeakMap<object, Known>()
/** Together: a form of a thousand sites has 50,000 characters, of a wide preparation many more. */
const mostCharacters = 1 << 23

function knownOf(db: Kysely<Database>): Known {
  // A transaction has the adapter of its database.
  const { adapter } = db.getExecutor()
  const known = knownBy.get(adapter) ?? { parts: new Map(), characters: 0 }
  knownBy.set(adapter, known)
  return known
}

function remember(known: Known, { sha256, text }: Form): Parts {
  const parts = partsOf(text)
  if (known.parts.has(sha256)) return parts
  if (known.characters + text.length > mostCharacters) {
    known.parts.clear()
    known.characters = 0
  }
  known.parts.set(sha256, parts)
  known.characters += text.length
  return parts
}

async function formNamed(db: Kysely<Database>, sha256: string): Promise<Parts> {
  const known = knownOf(db)
  const parts = known.parts.get(sha256)
  if (parts !== undefined) return parts
  const text = (await formBySha256(db, { sha256 })).rows[0]?.text
  if (text === undefined) throw new WardroundError('WR_INTERNAL', { what: 'a task without its form' })
  return remember(known, { sha256, text })
}

/** Records as the rows they were made of, each with its form's name. */
export async function withForms(db: Kysely<Database>, records: readonly TaskRecord[]): Promise<FormedTask[]> {
  const rows: FormedTask[] = []
  for (const record of records) rows.push({ ...record, document: filled(await formNamed(db, record.form), record) })
  return rows
}

/** Records as the rows they were made of. */
export const rowsOf = async (db: Kysely<Database>, records: readonly TaskRecord[]): Promise<TaskRow[]> =>
  (await withForms(db, records)).map(({ form: _, ...row }) => row)

/** Rows as records, whose forms are kept from now on. */
export async function recordsOf(db: Kysely<Database>, rows: readonly TaskRow[]): Promise<TaskRecord[]> {
  const added = new Set<string>()
  const records: TaskRecord[] = []
  let last: { readonly sha256: string; readonly parts: Parts } | undefined
  for (const row of rows) {
    const { document, ...rest } = row
    // Nearly always: to see that it is the same costs less than its digest.
    if (last === undefined || filled(last.parts, row) !== document) {
      const form = formOf(row)
      if (!added.has(form.sha256)) await addForm(db, form)
      added.add(form.sha256)
      // A thousand sites are about to ask for it.
      last = { sha256: form.sha256, parts: remember(knownOf(db), form) }
    }
    records.push({ ...rest, form: last.sha256 })
  }
  return records
}

/** The form of one document alone, without holes: it is kept from now on. */
export async function formOfOne(db: Kysely<Database>, document: string): Promise<string> {
  const form = named(document)
  await addForm(db, form)
  return form.sha256
}
