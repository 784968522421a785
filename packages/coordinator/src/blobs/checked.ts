/** Blobs that are read range by range, and known to be whole at their end. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { BlobStore } from './blob-store.ts'

export type Range = { readonly start: number; readonly end: number }

/** One that is read once, from front to back: at its end `check` knows whether it was what its name says. */
export type Checked<Vector> = { read(range: Range): Promise<Vector>; check(): void }

export function checkedBytes(blobs: BlobStore, { sha256 }: BlobRef): Checked<Uint8Array> {
  const hash = createHash('sha256')
  const damaged = (): WardroundError => new WardroundError('WR_BLOB_MISSING', { sha256 })
  return {
    async read(range) {
      const bytes = await blobs.read(sha256, range)
      if (bytes.length !== range.end - range.start) throw damaged()
      hash.update(bytes)
      return bytes
    },
    check() {
      if (hash.digest('hex') !== sha256) throw damaged()
    },
  }
}
