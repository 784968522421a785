/** Queries on the blobs that studies need. */
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Kysely } from 'kysely'
import { prepared } from './prepared.ts'
import type { BlobRefRow, Database } from './schema.ts'

const addReference = prepared((db: Kysely<Database>, { study, sha256, size_bytes }: BlobRefRow) =>
  db
    .insertInto('blob_refs')
    .values({ study, sha256, size_bytes })
    .onConflict((conflict) => conflict.doNothing()),
)

const referencesOf = prepared((db: Kysely<Database>, { study }: { study: string }) =>
  db.selectFrom('blob_refs').selectAll().where('study', '=', study).orderBy('sha256'),
)

export const references = (db: Kysely<Database>) => ({
  /** Those of the blobs that a study needs. */
  named: async (digests: readonly string[]): Promise<Set<string>> => {
    if (digests.length === 0) return new Set()
    const rows = await db.selectFrom('blob_refs').select('sha256').distinct().where('sha256', 'in', digests).execute()
    return new Set(rows.map(({ sha256 }) => sha256))
  },
  studiesThatNeed: async (sha256: string): Promise<string[]> => {
    const rows = await db
      .selectFrom('blob_refs')
      .select('study')
      .where('sha256', '=', sha256)
      .orderBy('study')
      .execute()
    return rows.map(({ study }) => study)
  },
  blobRefs: async (study: string): Promise<BlobRefRow[]> => (await referencesOf(db, { study })).rows,
  keepBlob: async (study: string, { sha256, sizeBytes }: BlobRef): Promise<void> =>
    void (await addReference(db, { study, sha256, size_bytes: sizeBytes })),
  /** From now on a study needs these and no other. Returns the digests of those that it needed and does not need any more. */
  keepOnly: async (study: string, needed: readonly BlobRef[]): Promise<string[]> => {
    const wanted = new Map(needed.map((ref) => [ref.sha256, ref]))
    const before = (await references(db).blobRefs(study)).map(({ sha256 }) => sha256)
    const released = before.filter((sha256) => !wanted.has(sha256))
    if (released.length > 0)
      await db.deleteFrom('blob_refs').where('study', '=', study).where('sha256', 'in', released).execute()
    for (const sha256 of before) wanted.delete(sha256)
    for (const ref of wanted.values()) await references(db).keepBlob(study, ref)
    return released
  },
})
