/** A file that goes to the disk while more is written to it, so that making it durable at its end need not wait for all of it. */
import type { FileHandle } from 'node:fs/promises'

/** More than this is not left for the end. */
const flushBytes = 1 << 23

export type Flushing = {
  /** After so many bytes more have been written. */
  wrote(sizeBytes: number): void
  /** All that has begun is done. Errors: what the disk said, which it does not say twice: a later sync may know nothing of it. */
  settled(): Promise<void>
}

export function flushing(file: Pick<FileHandle, 'datasync'>): Flushing {
  let leftBytes = 0
  let under: Promise<void> | undefined
  let failed: { readonly error: unknown } | undefined
  const flush = async (): Promise<void> => {
    try {
      await file.datasync()
    } catch (error) {
      failed ??= { error }
    }
    under = undefined
  }
  return {
    wrote(sizeBytes) {
      leftBytes += sizeBytes
      if (leftBytes < flushBytes || under !== undefined) return
      leftBytes = 0
      under = flush()
    },
    async settled() {
      await under
      if (failed !== undefined) throw failed.error
    },
  }
}
