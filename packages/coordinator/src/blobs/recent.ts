/**
 * A blob store with the small blobs that were used last kept in memory. An update is read at the door and again when it is summed, and
 * every site of a round asks for the same weights; a blob never changes, so what is kept cannot be out of date.
 */
import { type BlobStore, readerOf } from './blob-store.ts'

/** The largest blob that is kept, and all of them together. */
const limits = { blobBytes: 8 << 20, totalBytes: 64 << 20 }

export function recentBlobs(store: BlobStore, { blobBytes, totalBytes } = limits): BlobStore {
  // In order of use, the last one last.
  const kept = new Map<string, Uint8Array>()
  let keptBytes = 0
  const forget = (sha256: string): void => {
    keptBytes -= kept.get(sha256)?.length ?? 0
    kept.delete(sha256)
  }
  const keep = (sha256: string, bytes: Uint8Array): void => {
    forget(sha256)
    kept.set(sha256, bytes)
    keptBytes += bytes.length
    for (const oldest of kept.keys()) {
      if (keptBytes <= totalBytes) return
      forget(oldest)
    }
  }
  const fetch = async (sha256: string): Promise<Uint8Array | undefined> => {
    if ((await store.size(sha256)) > blobBytes) return undefined
    const bytes = await store.read(sha256)
    keep(sha256, bytes)
    return bytes
  }
  // All sites of a round ask at once: the first one's bytes are for all of them.
  const coming = new Map<string, ReturnType<typeof fetch>>()
  /** The whole blob, if it is small. Read whole, it is checked against its name. */
  const small = async (sha256: string): Promise<Uint8Array | undefined> => {
    const known = kept.get(sha256)
    if (known !== undefined) {
      keep(sha256, known)
      return known
    }
    const fetched = coming.get(sha256) ?? fetch(sha256).finally(() => coming.delete(sha256))
    coming.set(sha256, fetched)
    return fetched
  }
  return {
    ...store,
    async put(bytes, sha256, within) {
      const ref = await store.put(bytes, sha256, within)
      if (bytes.length > blobBytes) return ref
      // A copy: what is kept must not change when the caller's buffer does.
      const own = new Uint8Array(bytes)
      if (within === undefined) keep(ref.sha256, own)
      else within.afterCommit(() => keep(ref.sha256, own))
      return ref
    },
    has: async (sha256) => kept.has(sha256) || store.has(sha256),
    async read(sha256, range) {
      const bytes = await small(sha256)
      if (bytes === undefined) return store.read(sha256, range)
      return range === undefined ? bytes : bytes.subarray(range.start, range.end)
    },
    // What is read range by range is not fetched whole: a sum has many open at once, and each would hold its own.
    async reader(sha256) {
      const bytes = kept.get(sha256)
      return bytes === undefined
        ? store.reader(sha256)
        : readerOf({ read: async (_, range) => bytes.subarray(range?.start, range?.end) }, sha256)
    },
    async *stream(sha256, start = 0) {
      const bytes = await small(sha256)
      if (bytes === undefined) yield* store.stream(sha256, start)
      else yield bytes.subarray(start)
    },
    size: async (sha256) => kept.get(sha256)?.length ?? store.size(sha256),
    async delete(sha256) {
      forget(sha256)
      await store.delete(sha256)
    },
  }
}
