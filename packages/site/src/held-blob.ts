/** Weights that came with a task, or are small, in memory; and which the last ones are that this site has, from wherever. */
import { createHash } from 'node:crypto'
import type { BlobRef } from '@wardround/core/protocol/task.ts'

export type HeldBlob = ReturnType<typeof heldBlob>

type Held = { readonly sha256: string; readonly bytes: Uint8Array<ArrayBuffer> }

/** Of each study, those that were asked for, or came, last. */
const heldOfStudy = 2

export function heldBlob(studies = 1) {
  const mostHeld = heldOfStudy * studies
  let last: string | undefined
  let held: readonly Held[] = []
  const keep = (sha256: string, bytes: Uint8Array<ArrayBuffer>): void => {
    held = [...held.filter((other) => other.sha256 !== sha256), { sha256, bytes }].slice(-mostHeld)
    last = sha256
  }
  return {
    sha256: (): string | undefined => last,
    get({ sha256, sizeBytes }: BlobRef): Uint8Array<ArrayBuffer> | undefined {
      const bytes = held.find((one) => one.sha256 === sha256)?.bytes
      if (bytes?.length !== sizeBytes) return undefined
      keep(sha256, bytes)
      return bytes
    },
    keep,
    /** Others, that are in a file. */
    fetched(sha256: string): void {
      last = sha256
    },
    /** Base64 from the other end, by a name of our own making. What cannot be read has not come. */
    take(text: string): void {
      try {
        const bytes = Uint8Array.fromBase64(text)
        keep(createHash('sha256').update(bytes).digest('hex'), bytes)
      } catch {
        // It is asked for by the name that the task gives it.
      }
    },
  }
}
