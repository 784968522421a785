/** Blobs in a folder: written beside, fsynced, then renamed to their digest, so that a name never stands for half a file. */

import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Entropy } from '@wardround/core/ports.ts'
import { sealing } from '@wardround/core/seal.ts'
import { createSeals } from '@wardround/core/seals.ts'
import { sha256Of } from '../digest.ts'
import { syncFolderSoon } from '../sync-folder.ts'
import type { BlobStore, BlobWriter } from './blob-store.ts'
import { exists, remove, synced, told, writable, written } from './files.ts'
import { flushing } from './flushing.ts'
import { fileReader, guarded, readRange, streamed } from './reading.ts'
import { type Settle, type Settling, stagedIn } from './staged.ts'

/** `entropy`: blobs that are written in this life are then known again by a seal, for which it draws the key (core/seal.ts). */
export async function folderBlobs(folder: string, entropy?: Entropy): Promise<BlobStore> {
  const [blobs, partial] = [join(folder, 'sha256'), join(folder, 'partial')]
  try {
    for (const path of [blobs, partial]) await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path: folder, action: 'write' }, { cause: error })
  }
  const pathOf = (sha256: string): string => join(blobs, sha256.slice(0, 2), sha256)
  let counter = 0
  /** Folders that are there, and durable. */
  const known = new Set<string>()
  const nextPath = (): string => {
    counter += 1
    return join(partial, `${process.pid}-${counter}.new`)
  }
  const seal = entropy === undefined ? undefined : sealing(entropy)
  const seals = seal === undefined ? undefined : createSeals(seal)
  const writer = (): Promise<BlobWriter> => fileWriter(nextPath(), { settle, seal })
  /** From `partial` to its digest's name; the folder is synced too, or the name could be lost with the power. */
  const settle: Settle = async (from, ref, sealed) => {
    const to = pathOf(ref.sha256)
    const parent = dirname(to)
    const made = known.has(parent) ? undefined : await mkdir(parent, { recursive: true, mode: 0o700 })
    await rename(from, to)
    for (const path of made === undefined ? [parent] : [parent, blobs]) await syncFolderSoon(path)
    known.add(parent)
    if (sealed !== undefined) seals?.keep(ref.sha256, sealed)
    return ref
  }
  return {
    has: (sha256) => exists(pathOf(sha256)),
    read: async (sha256, range) =>
      guarded(sha256, async () => {
        const bytes = await readRange(pathOf(sha256), range)
        if (range === undefined && sha256Of(bytes) !== sha256) throw new Error('The file is not what its name says.')
        return bytes
      }),
    async reader(sha256) {
      // As it is known now: what is written anew while it is read has a seal of its own.
      const proof = seals?.proof(sha256)
      const reader = await fileReader(sha256, pathOf(sha256))
      return proof === undefined ? reader : { ...reader, proof }
    },
    stream: (sha256, start = 0) => streamed(sha256, pathOf(sha256), start),
    size: async (sha256) => guarded(sha256, async () => (await stat(pathOf(sha256))).size),
    rowBytes: 0,
    async put(bytes, sha256 = sha256Of(bytes)) {
      const ref = { sha256, sizeBytes: bytes.length }
      const path = nextPath()
      const file = await writable(path, 'w')
      await written(file, bytes, { path, position: 0 })
        .then(() => synced(file, path))
        .finally(() => file.close())
        .catch((error: unknown) => remove(path).then(() => Promise.reject(error)))
      const sealed = seal?.()
      sealed?.update(bytes)
      return settle(path, ref, sealed?.digest())
    },
    writer,
    async delete(sha256) {
      seals?.forget(sha256)
      await remove(pathOf(sha256))
    },
    async *list() {
      for (const first of await readdir(blobs))
        for (const name of await readdir(join(blobs, first))) if (digestPattern.test(name)) yield name
    },
    async tidy() {
      for (const name of await readdir(partial)) if (name.endsWith('.new')) await remove(join(partial, name))
    },
    staged: stagedIn(partial, { settle, seal }),
  }
}

const digestPattern = /^[0-9a-f]{64}$/

async function fileWriter(path: string, { settle, seal }: Settling): Promise<BlobWriter> {
  const file = await writable(path, 'w')
  const hash = createHash('sha256')
  const sealed = seal?.()
  const { wrote, settled } = flushing(file)
  let sizeBytes = 0
  const abort = async (): Promise<void> => {
    await file.close()
    await remove(path)
  }
  return {
    async write(chunk) {
      const writing = written(file, chunk, { path, position: sizeBytes })
      hash.update(chunk)
      sealed?.update(chunk)
      sizeBytes += chunk.length
      await writing.catch(async (error: unknown) => {
        await abort()
        throw error
      })
      wrote(chunk.length)
    },
    async finish(named) {
      await settled()
        .catch(told(path))
        .then(() => synced(file, path))
        .finally(() => file.close())
      const ref = { sha256: hash.digest('hex'), sizeBytes }
      await named?.(ref)
      return settle(path, ref, sealed?.digest())
    },
    abort,
  }
}
