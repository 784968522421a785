/** Bytes from the coordinator, by their digest: received into a file of this site, and read from there. */
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { decodeWeights, headerLimitBytes } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { persistently } from './client.ts'
import type { SiteContext } from './context.ts'
import { guarded, readPart, remove } from './files.ts'
import { type HeldBlob, heldBlob } from './held-blob.ts'

type Needs = Pick<SiteContext, 'client' | 'patience' | 'disk' | 'folder'>

/** A blob that this site has. */
export type Received = {
  readonly sizeBytes: number
  /**
   * From the blob's front to its end, in the same memory again and again, which they fill; only the first is of `firstBytes`, where that is given. Errors:
   * WR_DISK, at the end, where these are not the bytes that were received: they are received again the next time.
   */
  ranges(memory?: Uint8Array<ArrayBuffer>, firstBytes?: number): Generator<Uint8Array<ArrayBuffer>>
}

export type BlobFetcher = (ref: BlobRef) => Promise<Received>

/** Weights by their digest, and of this shape, in memory of their own. Errors: WR_DIGEST_MISMATCH, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE, WR_BODY_TOO_LARGE, … */
export async function fetchWeights(
  { fetchBlob }: Pick<SiteContext, 'fetchBlob'>,
  ref: BlobRef,
  specs: readonly TensorSpec[],
): Promise<Weights> {
  const limit = headerLimitBytes + 4 * dimensionOf(specs)
  if (ref.sizeBytes > limit) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: limit })
  const blob = await fetchBlob(ref)
  const bytes = new Uint8Array(blob.sizeBytes)
  for (const _ of blob.ranges(bytes));
  return decodeWeights(bytes, specs)
}

/**
 * Receives each blob once, as long as it is among the last two that were asked for: the weights that a round measures are those that the next one trains,
 * and with them may come what corrects its gradients. What came with a task is in memory.
 */
export function blobFetcher(site: Needs, held: HeldBlob = heldBlob()): BlobFetcher {
  const { disk, folder } = site
  const all = join(folder, 'received')
  let last = ''
  return async (ref) => {
    const enclosed = held.get(ref)
    if (enclosed !== undefined) return inMemory(enclosed)
    const path = join(all, ref.sha256)
    if (disk.sizeBytes(path) !== ref.sizeBytes) {
      for (const name of disk.list(all)) if (name !== last) remove(disk, join(all, name))
      await receive(site, ref, path)
    }
    last = ref.sha256
    held.fetched(last)
    return {
      sizeBytes: ref.sizeBytes,
      ranges: (memory = new Uint8Array(rangeBytes), firstBytes = memory.length) =>
        checkedRanges(disk, path, { ref, memory, firstBytes }),
    }
  }
}

function inMemory(bytes: Uint8Array): Received {
  return {
    sizeBytes: bytes.length,
    *ranges(memory = new Uint8Array(bytes.length), firstBytes = memory.length) {
      for (let from = 0; from < bytes.length; ) {
        const part = memory.subarray(0, Math.min(from === 0 ? firstBytes : memory.length, bytes.length - from))
        part.set(bytes.subarray(from, from + part.length))
        yield part
        from += part.length
      }
    },
  }
}

/** A header is in one of them. */
const rangeBytes = 2 * headerLimitBytes

type Reading = { readonly ref: BlobRef; readonly memory: Uint8Array<ArrayBuffer>; readonly firstBytes: number }

function* checkedRanges(
  disk: Disk,
  path: string,
  { ref: { sha256, sizeBytes }, memory, firstBytes }: Reading,
): Generator<Uint8Array<ArrayBuffer>> {
  const hash = createHash('sha256')
  for (let from = 0; from < sizeBytes; ) {
    const bytes = memory.subarray(0, Math.min(from === 0 ? firstBytes : memory.length, sizeBytes - from))
    readPart(disk, path, { memory: bytes, from })
    hash.update(bytes)
    yield bytes
    from += bytes.length
  }
  if (hash.digest('hex') === sha256) return
  remove(disk, path)
  throw new WardroundError('WR_DISK', { path, reason: siteWords.receivedDamaged() })
}

/**
 * The whole blob, hashed while it comes; what a broken line has brought is kept, and the rest asked for. The caller has found its size to be what the
 * model takes. Errors: WR_DIGEST_MISMATCH, WR_BODY_TOO_LARGE, WR_BLOB_MISSING, WR_DISK, …
 */
async function receive(site: Needs, { sha256, sizeBytes }: BlobRef, path: string): Promise<void> {
  const { client, patience, disk } = site
  const { signal } = patience
  const unfinished = `${path}.new`
  let file = newFile(disk, unfinished)
  const attempt = async (): Promise<void> => {
    // A disk that took a part of what it was given has more than we know of.
    if (disk.sizeBytes(unfinished) !== file.receivedBytes()) file = newFile(disk, unfinished)
    const start = file.receivedBytes()
    const input = { params: { sha256 } }
    const response = await client.download('blob', input, { start, ...(signal === undefined ? {} : { signal }) })
    // An answer of 200 starts at the beginning again.
    if (response.status !== 206 && start > 0) file = newFile(disk, unfinished)
    for await (const bytes of gathered(response.body)) {
      if (file.receivedBytes() + bytes.length > sizeBytes)
        throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: sizeBytes })
      file.append(bytes)
    }
    if (file.receivedBytes() === sizeBytes && file.sha256() === sha256) return
    file = newFile(disk, unfinished)
    throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The weights' })
  }
  await persistently(attempt, patience, 5)
  guarded(path, () => disk.rename(unfinished, path))
}

/** Empty, and hashed while it grows. It need not outlive a power cut: what is torn shows when it is read. */
function newFile(disk: Disk, path: string) {
  guarded(path, () => {
    disk.makeFolder(dirname(path))
    disk.write(path, [], { durably: false })
  })
  const hash = createHash('sha256')
  let receivedBytes = 0
  return {
    receivedBytes: () => receivedBytes,
    sha256: () => hash.digest('hex'),
    append(bytes: Uint8Array): void {
      guarded(path, () => disk.append(path, bytes, { durably: false }))
      hash.update(bytes)
      receivedBytes += bytes.length
    },
  }
}

/** A network's chunks are small, and each write opens the file: as many of them together as fit, in the same memory again and again. */
async function* gathered(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(rangeBytes)
  let sizeBytes = 0
  const taken = (): Uint8Array => {
    const bytes = memory.subarray(0, sizeBytes)
    sizeBytes = 0
    return bytes
  }
  try {
    for await (const chunk of body) {
      for (let from = 0; from < chunk.length; ) {
        const part = chunk.subarray(from, from + memory.length - sizeBytes)
        memory.set(part, sizeBytes)
        sizeBytes += part.length
        from += part.length
        if (sizeBytes === memory.length) yield taken()
      }
    }
  } catch (error) {
    // What came before the line broke need not come again.
    if (sizeBytes > 0) yield taken()
    throw error
  }
  if (sizeBytes > 0) yield taken()
}
