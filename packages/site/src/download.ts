/** A blob on its way in: whole, as announced, and what a broken line has brought need not come again. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { headerLimitBytes } from '@wardround/core/safetensors.ts'
import type { Seal } from '@wardround/core/seal.ts'
import { persistently } from './client.ts'
import type { SiteContext } from './context.ts'
import { guarded } from './files.ts'

/** Where the bytes go, hashed on the way. */
type Sink = {
  receivedBytes(): number
  /** Memory for what comes next, from where it is appended; none where it has all. */
  room(): Uint8Array
  /** Once, at the end. */
  sha256(): string
  append(bytes: Uint8Array): void
  /** Whether it has what was appended, and nothing else. */
  holds(): boolean
}

/**
 * The whole blob; what a broken line has brought is kept, and the rest asked for. `begin` gives an empty sink, again where what it has is of no use.
 * The caller has found its size to be what the model takes. Errors: WR_DIGEST_MISMATCH, WR_BODY_TOO_LARGE, WR_BLOB_MISSING, WR_DISK, …
 */
export async function download<S extends Sink>(
  { client, patience }: Pick<SiteContext, 'client' | 'patience'>,
  { sha256, sizeBytes }: BlobRef,
  begin: () => S,
): Promise<S> {
  const { signal } = patience
  let sink = begin()
  const attempt = async (): Promise<void> => {
    // A disk that took a part of what it was given has more than we know of.
    if (!sink.holds()) sink = begin()
    const start = sink.receivedBytes()
    const input = { params: { sha256 } }
    const response = await client.download('blob', input, { start, ...(signal === undefined ? {} : { signal }) })
    // An answer of 200 starts at the beginning again.
    if (response.status !== 206 && start > 0) sink = begin()
    for await (const bytes of gathered(response.body, sizeBytes, () => sink.room())) {
      sink.append(bytes)
    }
    if (sink.receivedBytes() === sizeBytes && sink.sha256() === sha256) return
    sink = begin()
    throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The weights' })
  }
  await persistently(attempt, patience, 5)
  return sink
}

function counting(take: (bytes: Uint8Array) => void): Omit<Sink, 'holds' | 'room'> {
  const hash = createHash('sha256')
  let receivedBytes = 0
  return {
    receivedBytes: () => receivedBytes,
    sha256: () => hash.digest('hex'),
    append(bytes) {
      take(bytes)
      hash.update(bytes)
      receivedBytes += bytes.length
    },
  }
}

type File = {
  readonly path: string
  readonly sizeBytes: number
  /** Sees what is appended. */
  readonly seal?: Seal | undefined
  /** [sizeBytes]: has the blob, too, in the end. */
  readonly into?: Uint8Array | undefined
}

/** It need not outlive a power cut: what is torn shows when it is read. */
export function intoFile(
  disk: Disk,
  { path, sizeBytes, seal, into }: File,
): Sink & { readonly seal: Seal | undefined } {
  guarded(path, () => {
    disk.makeFolder(dirname(path))
    disk.write(path, [], { durably: false })
  })
  const sink = counting((bytes) => {
    guarded(path, () => disk.append(path, bytes, { durably: false }))
    seal?.update(bytes)
  })
  const { receivedBytes } = sink
  const memory = into ?? new Uint8Array(Math.min(groupBytes, sizeBytes))
  const room = (): Uint8Array => {
    const [from, group] = [receivedBytes(), Math.min(groupBytes, sizeBytes - receivedBytes())]
    return into === undefined ? memory.subarray(0, group) : memory.subarray(from, from + group)
  }
  return { ...sink, room, seal, holds: () => disk.sizeBytes(path) === receivedBytes() }
}

export function intoMemory(sizeBytes: number): Sink & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(sizeBytes)
  const sink = counting(() => undefined)
  return { ...sink, room: () => bytes.subarray(sink.receivedBytes()), holds: () => true, bytes }
}

/** Of a file: each write opens it. */
const groupBytes = 2 * headerLimitBytes

/** A network's chunks are small: as many of them together as there is room for. Errors: WR_BODY_TOO_LARGE where there is none. */
async function* gathered(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
  room: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  let memory = room()
  let sizeBytes = 0
  try {
    for await (const chunk of body) {
      for (let from = 0; from < chunk.length; ) {
        if (memory.length === 0) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes })
        const part = chunk.subarray(from, from + memory.length - sizeBytes)
        memory.set(part, sizeBytes)
        sizeBytes += part.length
        from += part.length
        if (sizeBytes < memory.length) continue
        yield memory
        memory = room()
        sizeBytes = 0
      }
    }
  } catch (error) {
    // What came before the line broke need not come again.
    if (sizeBytes > 0) yield memory.subarray(0, sizeBytes)
    throw error
  }
  if (sizeBytes > 0) yield memory.subarray(0, sizeBytes)
}
