/** Uploads on their way in, each a file that grows piece by piece. */
import { createHash, type Hash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { BlobStore } from './blob-store.ts'
import { exists, sizeOf, writable, written } from './files.ts'

/** Turns a file into a blob. */
export type Settle = (from: string, ref: BlobRef) => Promise<BlobRef>

/** What has been hashed of an upload while it came, so that its end need not be waited for and all of it read again. */
type Hashed = { readonly hash: Hash; bytes: number }

const uploadEnding = '.upload'

export function stagedIn(folder: string, settle: Settle): BlobStore['staged'] {
  const staging = (name: string): string => join(folder, `${name}${uploadEnding}`)
  const hashing = new Map<string, Hashed>()
  /** undefined where the file is not what was hashed: from before a restart, or where two pieces came at once and both were. */
  const hashedUpTo = (name: string, received: number): Hashed | undefined => {
    if (received === 0 && !hashing.has(name)) hashing.set(name, { hash: createHash('sha256'), bytes: 0 })
    const hashed = hashing.get(name)
    if (hashed === undefined || hashed.bytes === received) return hashed
    hashing.delete(name)
    return undefined
  }
  return {
    receivedBytes: (name) => sizeOf(staging(name)),
    async append(name, offset, piece) {
      const path = staging(name)
      const received = await sizeOf(path)
      if (offset > received) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: received })
      const fresh = piece.subarray(Math.max(0, received - offset))
      if (fresh.length === 0) return received
      const hashed = hashedUpTo(name, received)
      try {
        // At its place, not at the end: a piece that is sent twice at once is written twice over itself.
        const file = await writable(path, constants.O_WRONLY | constants.O_CREAT)
        await written(file, fresh, { path, position: received }).finally(() => file.close())
      } catch (error) {
        hashing.delete(name)
        throw error
      }
      if (hashed !== undefined) {
        hashed.hash.update(fresh)
        hashed.bytes += fresh.length
      }
      return received + fresh.length
    },
    async commit(name, expected) {
      const path = staging(name)
      const hashed = hashedUpTo(name, await sizeOf(path))
      hashing.delete(name)
      const found =
        hashed === undefined ? await digestOf(path) : { sha256: hashed.hash.digest('hex'), sizeBytes: hashed.bytes }
      if (found.sha256 !== expected.sha256 || found.sizeBytes !== expected.sizeBytes) {
        await rm(path, { force: true })
        throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The upload' })
      }
      const file = await open(path, 'r+')
      await file.sync().finally(() => file.close())
      await settle(path, expected)
    },
    async discard(name) {
      hashing.delete(name)
      await rm(staging(name), { force: true })
    },
    list: async () =>
      (await readdir(folder))
        .filter((name) => name.endsWith(uploadEnding))
        .map((name) => name.slice(0, -uploadEnding.length)),
  }
}

async function digestOf(path: string): Promise<BlobRef> {
  const hash: Hash = createHash('sha256')
  let sizeBytes = 0
  if (await exists(path)) {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Uint8Array)
      sizeBytes += (chunk as Uint8Array).length
    }
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}
