/** Blobs by content: what is written is durable before its name is known, and is checked against its name when it is taken in. */

import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Proof } from '@wardround/core/seals.ts'
import { sha256Of } from '../digest.ts'
import type { Writing } from '../store/store.ts'

/** One that is begun is finished or aborted, or its resources stay taken; an error of its own has aborted it, and aborting it again does no harm. */
export type BlobWriter = {
  write(chunk: Uint8Array): Promise<void>
  /** Makes what was written durable, and names it. `named` hears the name just before the blob is there under it. */
  finish(named?: Named): Promise<BlobRef>
  abort(): Promise<void>
}

export type Named = (ref: BlobRef) => Promise<void>

/** For what is small: gathered in memory, and put whole. */
export function gatheringWriter(blobs: Pick<BlobStore, 'put'>): BlobWriter {
  let chunks: Uint8Array[] = []
  return {
    write: async (chunk) => void chunks.push(Uint8Array.from(chunk)),
    async finish(named) {
      const bytes = Buffer.concat(chunks)
      const sha256 = sha256Of(bytes)
      await named?.({ sha256, sizeBytes: bytes.length })
      return blobs.put(bytes, sha256)
    },
    abort: async () => {
      chunks = []
    },
  }
}

/** One that is read range by range. To be closed. */
export type BlobReader = {
  /**
   * As a store's read() of a range. Where memory is given, into which it must fit, what it gives is there, or where nothing changes it; else it is good
   * until it is called for the one after the next.
   */
  read(range: ByteRange, into?: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
  /** Where its store can tell more cheaply than by its name that the blob is what was written. */
  readonly proof?: Proof
}

export type ByteRange = { readonly start: number; readonly end: number }

/** For stores whose blobs are at hand anyway. */
export const readerOf = (blobs: Pick<BlobStore, 'read'>, sha256: string): BlobReader => ({
  read: (range) => blobs.read(sha256, range),
  close: async () => undefined,
})

/** `plausible`: all of its values were seen to be so while it came (values.ts); false where that is not known. */
export type Arrival = { readonly plausible: boolean }

/** An upload that somebody adds to. To be closed; what was added stays. */
export type Adding = {
  /** Adds a piece; what was received before is ignored. Returns what has arrived. Errors: WR_UPLOAD_OFFSET for a gap. */
  append(offset: number, piece: Uint8Array): Promise<number>
  close(): Promise<void>
}

export type BlobStore = {
  has(sha256: string): Promise<boolean>
  /**
   * Bytes `start` … `end` − 1, clipped to the blob. Errors: WR_BLOB_MISSING; for a whole blob also where it is not, any more, what its
   * name says.
   */
  read(sha256: string, range?: ByteRange): Promise<Uint8Array>
  /** Errors: WR_BLOB_MISSING, at once or when it is read. */
  reader(sha256: string): Promise<BlobReader>
  /** The blob in pieces, each of which is good until the one after the next is asked for. Errors: WR_BLOB_MISSING. */
  stream(sha256: string, start?: number): AsyncIterable<Uint8Array>
  size(sha256: string): Promise<number>
  /**
   * A whole blob at once; durable when it is named. `sha256` is its digest, where the caller has computed it already. What is a row is one of the
   * transaction that `within` writes, and durable with it.
   */
  put(bytes: Uint8Array, sha256?: string, within?: Writing): Promise<BlobRef>
  /** The largest blob that is a row of the store; 0 where none is. */
  readonly rowBytes: number
  writer(): Promise<BlobWriter>
  delete(sha256: string): Promise<void>
  /** The digest of every blob; of one that comes or goes meanwhile, perhaps. */
  list(): AsyncIterable<string>
  /** Clears away what writers of an earlier process left; to be called while there is none. */
  tidy(): Promise<void>
  /** Uploads that arrive in pieces, under a name that the coordinator chose. */
  readonly staged: {
    receivedBytes(name: string): Promise<number>
    /** For one who adds to it, whether it has begun or not. */
    open(name: string): Promise<Adding>
    /** Turns the upload into a blob. Errors: WR_DIGEST_MISMATCH (the upload is dropped, so that it can start again). */
    commit(name: string, expected: BlobRef): Promise<Arrival>
    discard(name: string): Promise<void>
    /** Those that have begun. */
    list(): Promise<string[]>
  }
}
