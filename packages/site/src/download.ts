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
    for await (const bytes of gathered(response.body)) {
      if (sink.receivedBytes() + bytes.length > sizeBytes)
        throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: sizeBytes })
      sink.append(bytes)
    }
    if (sink.receivedBytes() === sizeBytes && sink.sha256() === sha256) return
    sink = begin()
    throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The weights' })
  }
  await persistently(attempt, patience, 5)
  return sink
}

function counting(take: (bytes: Uint8Array, at: number) => void): Omit<Sink, 'holds'> {
  const hash = createHash('sha256')
  let receivedBytes = 0
  return {
    receivedBytes: () => receivedBytes,
    sha256: () => hash.digest('hex'),
    append(bytes) {
      take(bytes, receivedBytes)
      hash.update(bytes)
      receivedBytes += bytes.length
    },
  }
}

/** It need not outlive a power cut: what is torn shows when it is read. `seal` sees what is appended. */
export function intoFile(disk: Disk, path: string, seal?: Seal): Sink & { readonly seal: Seal | undefined } {
  guarded(path, () => {
    disk.makeFolder(dirname(path))
    disk.write(path, [], { durably: false })
  })
  const sink = counting((bytes) => {
    guarded(path, () => disk.append(path, bytes, { durably: false }))
    seal?.update(bytes)
  })
  return { ...sink, seal, holds: () => disk.sizeBytes(path) === sink.receivedBytes() }
}

export function intoMemory(sizeBytes: number): Sink & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(sizeBytes)
  return { ...counting((part, at) => bytes.set(part, at)), holds: () => true, bytes }
}

/** Of a file: each write opens it. */
const groupBytes = 2 * headerLimitBytes

/** A network's chunks are small: as many of them together as fit, in the same memory again and again. */
async function* gathered(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(groupBytes)
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
