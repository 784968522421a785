/** Blobs read from files. */
import { open } from 'node:fs/promises'
import { WardroundError } from '@wardround/core/errors.ts'
import { sharedRoom } from '../room.ts'
import type { BlobReader, ByteRange } from './blob-store.ts'

/** Whatever goes wrong with its file: the blob is not there. */
export async function guarded<T>(sha256: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw new WardroundError('WR_BLOB_MISSING', { sha256 }, { cause: error })
  })
}

export async function readRange(path: string, range: ByteRange | undefined): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Math.min(size, range?.start ?? 0)
    const bytes = new Uint8Array(Math.max(0, Math.min(size, range?.end ?? size) - start))
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

/** The same file for range after range, and the same memory, in turns of two where none is given: fresh memory costs several times as much as filling it. */
export async function fileReader(sha256: string, path: string): Promise<BlobReader> {
  const file = await guarded(sha256, () => open(path, 'r'))
  const buffers = [new Uint8Array(), new Uint8Array()]
  let turn = 0
  const next = (length: number): Uint8Array => {
    turn = 1 - turn
    const known = buffers[turn] ?? new Uint8Array()
    const buffer = known.length < length ? new Uint8Array(length) : known
    buffers[turn] = buffer
    return buffer
  }
  return {
    read: ({ start, end }, into) =>
      guarded(sha256, async () => {
        const buffer = into ?? next(end - start)
        let length = 0
        while (length < end - start) {
          const { bytesRead } = await file.read(buffer, length, end - start - length, start + length)
          if (bytesRead === 0) break
          length += bytesRead
        }
        return buffer.subarray(0, length)
      }),
    close: () => file.close(),
  }
}

/** Everybody has two of them. Each read is a turn in the thread pool: 256 KiB at a time cost half of what 64 do, and more than that falls out of a processor's nearest cache. */
const room = sharedRoom({ totalBytes: 1 << 23, leastBytes: 1 << 16, mostBytes: 1 << 18 })

/** Two buffers take turns: fresh memory for each piece costs several times as much as filling it. */
export async function* streamed(sha256: string, path: string, start: number): AsyncGenerator<Uint8Array> {
  const file = await guarded(sha256, () => open(path, 'r'))
  const place = room.enter()
  try {
    const { size } = await file.stat()
    const chunkBytes = Math.min(place.sizeBytes, Math.max(0, size - start))
    const buffers = [0, 1].map(() => new Uint8Array(chunkBytes))
    for (let at = start, turn = 0; at < size; turn++) {
      const into = buffers[turn % 2] ?? new Uint8Array(chunkBytes)
      const { bytesRead, buffer } = await guarded(sha256, () => file.read(into, { position: at }))
      if (bytesRead === 0) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    place.leave()
    await file.close()
  }
}
