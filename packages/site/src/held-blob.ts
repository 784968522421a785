/** Weights that came with a task, in memory, and which the last ones are that this site has, from wherever. */
import { createHash } from 'node:crypto'
import type { BlobRef } from '@wardround/core/protocol/task.ts'

export type HeldBlob = ReturnType<typeof heldBlob>

export function heldBlob() {
  let last: string | undefined
  let enclosed: { readonly sha256: string; readonly bytes: Uint8Array } | undefined
  return {
    sha256: (): string | undefined => last,
    get: ({ sha256, sizeBytes }: BlobRef): Uint8Array | undefined =>
      enclosed?.sha256 === sha256 && enclosed.bytes.length === sizeBytes ? enclosed.bytes : undefined,
    /** Others, that are in a file. */
    fetched(sha256: string): void {
      last = sha256
    },
    /** Base64 from the other end, by a name of our own making. What cannot be read has not come. */
    take(text: string): void {
      try {
        const bytes = Uint8Array.fromBase64(text)
        last = createHash('sha256').update(bytes).digest('hex')
        enclosed = { sha256: last, bytes }
      } catch {
        // It is asked for by the name that the task gives it.
      }
    },
  }
}
