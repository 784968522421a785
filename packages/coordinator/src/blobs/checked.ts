/** Blobs that are read range by range, and known to be whole at their end. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Proof } from '@wardround/core/seals.ts'
import type { BlobReader, ByteRange } from './blob-store.ts'

export type Range = ByteRange

/** One that is read once, from front to back: at its end `check` knows whether it was what its name says. */
export type Checked<Vector> = { read(range: Range, into?: Uint8Array): Promise<Vector>; check(): void }

export function checkedBytes(reader: BlobReader, { sha256 }: BlobRef): Checked<Uint8Array> {
  const proof = reader.proof ?? proofByName(sha256)
  const damaged = (): WardroundError => new WardroundError('WR_BLOB_MISSING', { sha256 })
  return {
    async read(range, into) {
      const bytes = await reader.read(range, into)
      if (bytes.length !== range.end - range.start) throw damaged()
      proof.update(bytes)
      return bytes
    },
    check() {
      if (!proof.holds()) throw damaged()
    },
  }
}

function proofByName(sha256: string): Proof {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), holds: () => hash.digest('hex') === sha256 }
}
