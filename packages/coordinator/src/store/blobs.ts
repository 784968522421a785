/** Queries on small blobs. */
import type { Kysely } from 'kysely'
import { prepared } from './prepared.ts'
import type { BlobRow, Database } from './schema.ts'

const addBlob = prepared((db: Kysely<Database>, { sha256, bytes }: BlobRow) =>
  db
    .insertInto('blobs')
    .values({ sha256, bytes })
    .onConflict((conflict) => conflict.column('sha256').doUpdateSet({ bytes })),
)

const blobBySha256 = prepared((db: Kysely<Database>, { sha256 }: { sha256: string }) =>
  db.selectFrom('blobs').select('bytes').where('sha256', '=', sha256),
)

const blobSizeBySha256 = prepared((db: Kysely<Database>, { sha256 }: { sha256: string }) =>
  db
    .selectFrom('blobs')
    .select((eb) => eb.fn<number>('octet_length', ['bytes']).as('size'))
    .where('sha256', '=', sha256),
)

const deleteBySha256 = prepared((db: Kysely<Database>, { sha256 }: { sha256: string }) =>
  db.deleteFrom('blobs').where('sha256', '=', sha256),
)

export const blobs = (db: Kysely<Database>) => ({
  /** One that is there already is written again: it may have been damaged. */
  putBlob: async (row: BlobRow): Promise<void> => void (await addBlob(db, row)),
  blob: async (sha256: string): Promise<Uint8Array | undefined> => (await blobBySha256(db, { sha256 })).rows[0]?.bytes,
  /** In bytes. */
  blobSize: async (sha256: string): Promise<number | undefined> =>
    (await blobSizeBySha256(db, { sha256 })).rows[0]?.size,
  blobDigests: async (): Promise<string[]> =>
    (await db.selectFrom('blobs').select('sha256').execute()).map(({ sha256 }) => sha256),
  deleteBlob: async (sha256: string): Promise<void> => void (await deleteBySha256(db, { sha256 })),
})
