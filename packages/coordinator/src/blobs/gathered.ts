/** Small blobs that become durable with the row that names them: until then they are in memory, for who has made them. */
import { sha256Of } from '../digest.ts'
import type { Writing } from '../store/store.ts'
import { type BlobStore, readerOf } from './blob-store.ts'

export type GatheredBlobs = BlobStore & {
  /** Makes rows of all that waits; for every transaction that names any of it. */
  write(tables: Writing): Promise<void>
}

/** From now on the blob of this name stays. */
export type Take = (sha256: string) => Promise<void>

/** Small ones wait; they are taken at once, so that who deletes the same content is waited for before the transaction, not in it. */
export function gatheringBy(held: BlobStore, take: Take): GatheredBlobs & { isWritten(): boolean } {
  const waiting = new Map<string, Uint8Array>()
  let written = true
  const read: BlobStore['read'] = async (sha256, range) => {
    const bytes = waiting.get(sha256)
    if (bytes === undefined) return held.read(sha256, range)
    return range === undefined ? bytes : bytes.subarray(range.start, range.end)
  }
  return {
    ...held,
    has: async (sha256) => waiting.has(sha256) || held.has(sha256),
    read,
    reader: async (sha256) => (waiting.has(sha256) ? readerOf({ read }, sha256) : held.reader(sha256)),
    async *stream(sha256, start = 0) {
      const bytes = waiting.get(sha256)
      if (bytes === undefined) yield* held.stream(sha256, start)
      else yield bytes.subarray(start)
    },
    size: async (sha256) => waiting.get(sha256)?.length ?? held.size(sha256),
    async put(bytes, sha256 = sha256Of(bytes)) {
      if (bytes.length > held.rowBytes) return held.put(bytes, sha256)
      await take(sha256)
      waiting.set(sha256, bytes)
      written = false
      return { sha256, sizeBytes: bytes.length }
    },
    async write(tables) {
      for (const [sha256, bytes] of waiting) await held.put(bytes, sha256, tables)
      written = true
    },
    isWritten: () => written,
  }
}
