/** The last weights of the coordinator that a site has, in memory: fetched, or come with a task. */
import { createHash } from 'node:crypto'
import type { BlobRef } from '@wardround/core/protocol/task.ts'

export type HeldBlob = ReturnType<typeof heldBlob>

export function heldBlob() {
  let kept: { readonly sha256: string; readonly bytes: Uint8Array } | undefined
  return {
    sha256: (): string | undefined => kept?.sha256,
    get: ({ sha256, sizeBytes }: BlobRef): Uint8Array | undefined =>
      kept?.sha256 === sha256 && kept.bytes.length === sizeBytes ? kept.bytes : undefined,
    /** Bytes whose digest is known. */
    keep(bytes: Uint8Array, sha256: string): void {
      kept = { sha256, bytes }
    },
    drop(): void {
      kept = undefined
    },
    /** Base64 from the other end, by a name of our own making. What cannot be read has not come. */
    take(enclosed: string): void {
      try {
        const bytes = Uint8Array.fromBase64(enclosed)
        kept = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes }
      } catch {
        // It is asked for by the name that the task gives it.
      }
    },
  }
}
