/**
 * A blob store that keeps what is small in the database: an update of a few kilobytes shares its commit with all others that wait, where a file of
 * its own, and its name in a folder, would each wait for the disk. What is large goes to another store.
 */

import { WardroundError } from '@wardround/core/errors.ts'
import { sha256Of } from '../digest.ts'
import type { Store } from '../store/store.ts'
import { type BlobStore, readerOf } from './blob-store.ts'

/** The largest that the database is given. */
const smallBytes = 1 << 18

/** The largest that a reader keeps: a sum has a thousand open at once, and of larger ones each holds only the range that it was asked for. */
const heldBytes = 1 << 16

type Kept = Pick<Store, 'transaction' | 'blob' | 'blobSize' | 'blobDigests'>

export function smallBlobs(store: Kept, large: BlobStore, limitBytes = smallBytes): BlobStore {
  /** undefined where it is to be found in `large`: where a row is damaged, perhaps as an upload that came in pieces. */
  const whole = async (sha256: string): Promise<Uint8Array | undefined> => {
    const bytes = await store.blob(sha256)
    if (bytes === undefined || sha256Of(bytes) === sha256) return bytes
    if (await large.has(sha256)) return undefined
    throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  }
  return {
    ...large,
    has: async (sha256) => (await store.blobSize(sha256)) !== undefined || large.has(sha256),
    async read(sha256, range) {
      const bytes = await whole(sha256)
      if (bytes === undefined) return large.read(sha256, range)
      return range === undefined ? bytes : bytes.subarray(range.start, range.end)
    },
    async reader(sha256) {
      const size = await store.blobSize(sha256)
      if (size === undefined) return large.reader(sha256)
      const held = size <= heldBytes ? await whole(sha256) : undefined
      if (size <= heldBytes && held === undefined) return large.reader(sha256)
      const read: BlobStore['read'] = async (_, range) =>
        (held ?? (await whole(sha256)))?.slice(range?.start, range?.end) ?? large.read(sha256, range)
      return readerOf({ read }, sha256)
    },
    async *stream(sha256, start = 0) {
      const bytes = await whole(sha256)
      if (bytes === undefined) yield* large.stream(sha256, start)
      else yield bytes.subarray(start)
    },
    size: async (sha256) => (await store.blobSize(sha256)) ?? large.size(sha256),
    rowBytes: limitBytes,
    async put(bytes, sha256 = sha256Of(bytes), within) {
      if (bytes.length > limitBytes) return large.put(bytes, sha256)
      if (within !== undefined) await within.putBlob({ sha256, bytes })
      else await store.transaction((tables) => tables.putBlob({ sha256, bytes }))
      return { sha256, sizeBytes: bytes.length }
    },
    async delete(sha256) {
      await store.transaction((tables) => tables.deleteBlob(sha256))
      await large.delete(sha256)
    },
    async *list() {
      const small = new Set(await store.blobDigests())
      yield* small
      // One that came in pieces is a file, also where its content came whole another time.
      for await (const sha256 of large.list()) if (!small.has(sha256)) yield sha256
    },
  }
}
