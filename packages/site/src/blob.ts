/** Bytes from the coordinator, by their digest: received into a file of this site, and read from there. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { decodeWeights, headerLimitBytes } from '@wardround/core/safetensors.ts'
import type { Proof } from '@wardround/core/seals.ts'
import { dimensionOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import type { SiteContext } from './context.ts'
import { download, intoFile, intoMemory } from './download.ts'
import { readPart, remove } from './files.ts'
import { type HeldBlob, heldBlob } from './held-blob.ts'
import { type ReceivedFiles, receivedFiles } from './received.ts'

type Needs = Pick<SiteContext, 'client' | 'patience' | 'disk' | 'folder'>

/** A blob that this site has. */
export type Received = {
  readonly sizeBytes: number
  /** Whether the memory that was given to be filled has it all already. */
  readonly filled: boolean
  /**
   * From the blob's front to its end, in the same memory again and again, which they fill; only the first is of `firstBytes`, where that is given. Where no
   * memory is given, it is not the caller's to change. Errors: WR_DISK, at the end, where these are not the bytes that were received: they are received again the next time.
   */
  ranges(memory?: Uint8Array<ArrayBuffer>, firstBytes?: number): Generator<Uint8Array<ArrayBuffer>>
}

/** `into` is memory of its size, which is filled where it has to be received anyway. */
export type BlobFetcher = (ref: BlobRef, into?: Uint8Array<ArrayBuffer>) => Promise<Received>

/** Weights by their digest, and of this shape, in memory of their own. Errors: WR_DIGEST_MISMATCH, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE, WR_BODY_TOO_LARGE, … */
export async function fetchWeights(
  { fetchBlob }: Pick<SiteContext, 'fetchBlob'>,
  ref: BlobRef,
  specs: readonly TensorSpec[],
): Promise<Weights> {
  const limit = headerLimitBytes + 4 * dimensionOf(specs)
  if (ref.sizeBytes > limit) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: limit })
  const bytes = new Uint8Array(ref.sizeBytes)
  const { filled, ranges } = await fetchBlob(ref, bytes)
  if (!filled) for (const _ of ranges(bytes));
  return decodeWeights(bytes, specs)
}

/** A blob of at most so many bytes is received into memory, where it stays: a file would have to be written, read and hashed again for each use. */
const heldLimitBytes = 8 << 20

/** Receives each blob once, for as long as it stays (received.ts). What is small, or came with a task, is in memory. */
export function blobFetcher(
  site: Needs,
  held: HeldBlob = heldBlob(),
  {
    limitBytes = heldLimitBytes,
    files = receivedFiles(site),
  }: { readonly limitBytes?: number; readonly files?: ReceivedFiles } = {},
): BlobFetcher {
  const { disk } = site
  return async (ref, into) => {
    const known = held.get(ref)
    if (known !== undefined) return inMemory(known)
    if (ref.sizeBytes <= limitBytes) {
      const { bytes } = await download(site, ref, () => intoMemory(ref.sizeBytes))
      held.keep(ref.sha256, bytes)
      return inMemory(bytes)
    }
    const { path, isNew, seals } = await files.file(ref, async (unfinished, sealed) => {
      const file = { path: unfinished, sizeBytes: ref.sizeBytes, into }
      const { seal } = await download(site, ref, () => intoFile(disk, { ...file, seal: sealed?.start() }))
      return seal?.digest()
    })
    held.fetched(ref.sha256)
    return {
      sizeBytes: ref.sizeBytes,
      filled: isNew && into !== undefined,
      ranges: (memory = new Uint8Array(rangeBytes), firstBytes = memory.length) =>
        checkedRanges(disk, path, {
          ref,
          memory,
          firstBytes,
          proof: seals?.proof(ref.sha256) ?? proofByName(ref.sha256),
        }),
    }
  }
}

function inMemory(bytes: Uint8Array<ArrayBuffer>): Received {
  return {
    sizeBytes: bytes.length,
    filled: false,
    *ranges(memory, firstBytes) {
      const rangeBytes = memory?.length ?? bytes.length
      for (let from = 0; from < bytes.length; ) {
        const held = bytes.subarray(from, from + ((from === 0 ? firstBytes : undefined) ?? rangeBytes))
        memory?.set(held)
        yield memory?.subarray(0, held.length) ?? held
        from += held.length
      }
    },
  }
}

/** A header is in one of them. */
const rangeBytes = 2 * headerLimitBytes

type Reading = {
  readonly ref: BlobRef
  readonly memory: Uint8Array<ArrayBuffer>
  readonly firstBytes: number
  readonly proof: Proof
}

function* checkedRanges(
  disk: Disk,
  path: string,
  { ref: { sizeBytes }, memory, firstBytes, proof }: Reading,
): Generator<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < sizeBytes; ) {
    const bytes = memory.subarray(0, Math.min(from === 0 ? firstBytes : memory.length, sizeBytes - from))
    readPart(disk, path, { memory: bytes, from })
    proof.update(bytes)
    yield bytes
    from += bytes.length
  }
  if (proof.holds()) return
  remove(disk, path)
  throw new WardroundError('WR_DISK', { path, reason: siteWords.receivedDamaged() })
}

function proofByName(sha256: string): Proof {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), holds: () => hash.digest('hex') === sha256 }
}
