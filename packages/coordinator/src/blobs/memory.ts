/** Blobs in memory: for simulation and tests. */

import { WardroundError } from '@wardround/core/errors.ts'
import { sha256Of } from '../digest.ts'
import { passingValues } from '../values.ts'
import { type BlobStore, gatheringWriter, readerOf } from './blob-store.ts'

export function memoryBlobs(): BlobStore {
  const blobs = new Map<string, Uint8Array>()
  const staged = new Map<string, Uint8Array>()
  const found = (sha256: string): Uint8Array => {
    const blob = blobs.get(sha256)
    if (blob === undefined) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
    return blob
  }
  const keep = (bytes: Uint8Array): { sha256: string; sizeBytes: number } => {
    const sha256 = sha256Of(bytes)
    blobs.set(sha256, bytes)
    return { sha256, sizeBytes: bytes.length }
  }
  const put: BlobStore['put'] = async (bytes) => keep(Uint8Array.from(bytes))
  const read: BlobStore['read'] = async (sha256, range) =>
    range === undefined ? found(sha256) : found(sha256).subarray(range.start, range.end)
  return {
    has: async (sha256) => blobs.has(sha256),
    read,
    reader: async (sha256) => readerOf({ read }, sha256),
    async *stream(sha256, start = 0) {
      yield found(sha256).subarray(start)
    },
    size: async (sha256) => found(sha256).length,
    put,
    rowBytes: 0,
    writer: async () => gatheringWriter({ put }),
    delete: async (sha256) => void blobs.delete(sha256),
    async *list() {
      yield* [...blobs.keys()]
    },
    tidy: async () => undefined,
    staged: {
      receivedBytes: async (name) => staged.get(name)?.length ?? 0,
      open: async (name) => ({
        async append(offset, piece) {
          const before = staged.get(name) ?? new Uint8Array()
          if (offset > before.length) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: before.length })
          const fresh = piece.subarray(Math.max(0, before.length - offset))
          if (fresh.length > 0) staged.set(name, Buffer.concat([before, fresh]))
          return before.length + fresh.length
        },
        close: async () => undefined,
      }),
      async commit(name, expected) {
        const bytes = staged.get(name) ?? new Uint8Array()
        staged.delete(name)
        const digest = sha256Of(bytes)
        if (digest !== expected.sha256 || bytes.length !== expected.sizeBytes)
          throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The upload' })
        keep(bytes)
        const values = passingValues()
        values.update(bytes)
        return { plausible: values.plausible() }
      },
      discard: async (name) => void staged.delete(name),
      list: async () => [...staged.keys()],
    },
  }
}
