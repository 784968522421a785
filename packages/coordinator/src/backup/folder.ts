/** A folder that comes into being whole or not at all: filled under another name, made durable, renamed. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { diskError, writable, written } from '../blobs/files.ts'
import { syncFolderSoon } from '../sync-folder.ts'
import { databaseName, keptNames, manifestName } from './manifest.ts'

/** Errors: WR_NOT_EMPTY where something is there already. */
export function requireEmpty(path: string): void {
  if (existsSync(path) && readdirSync(path).length > 0) throw new WardroundError('WR_NOT_EMPTY', { path })
}

/**
 * `fill` writes durably into the folder it is given; the folder is called `path` once that is done. What a process that was killed has left under
 * the other name is deleted first. Errors: WR_NOT_EMPTY, of `fill`, WR_PERMISSION, WR_DISK.
 */
export async function wholeFolder<T>(path: string, fill: (partial: string) => Promise<T>): Promise<T> {
  requireEmpty(path)
  const partial = `${path}.partial`
  clearLeft(partial)
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw diskError(partial, error)
  }
  try {
    const filled = await fill(partial)
    await syncFolderSoon(partial)
    if (existsSync(path)) await rmdir(path)
    await rename(partial, path)
    await syncFolderSoon(dirname(path))
    return filled
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** Only what could be ours may be deleted. */
function clearLeft(partial: string): void {
  if (!existsSync(partial)) return
  const ours = (name: string): boolean =>
    [databaseName, manifestName, 'blobs', ...keptNames].some(
      (own) => name === own || name.startsWith(`${own}.`) || name.startsWith(`${own}-`),
    )
  if (!readdirSync(partial).every(ours)) throw new WardroundError('WR_NOT_EMPTY', { path: partial })
}

export type Written = { readonly sizeBytes: number; readonly sha256: string }

/** A new file, durable when it resolves; its name is with the folder's sync. Errors: of the source, WR_PERMISSION, WR_DISK. */
export async function writeFrom(
  path: string,
  source: AsyncIterable<Uint8Array>,
  each: (sizeBytes: number) => void,
): Promise<Written> {
  const file = await writable(path, 'wx')
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const chunk of source) {
      await written(file, chunk, { path, position: sizeBytes })
      hash.update(chunk)
      sizeBytes += chunk.length
      each(chunk.length)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

export const bytesIn = (path: string): AsyncIterable<Uint8Array> => createReadStream(path, { highWaterMark: 1 << 20 })

/** Of a file that is there already. */
export async function measured(path: string): Promise<Written> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of bytesIn(path)) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** The folders that a blob's file is in, made and remembered to be synced. */
export function blobFolders(folder: string) {
  const made = new Set<string>()
  return {
    async make(path: string): Promise<void> {
      const parent = dirname(join(folder, path))
      if (!made.has(parent)) await mkdir(parent, { recursive: true, mode: 0o700 })
      made.add(parent)
    },
    async sync(): Promise<void> {
      const all = new Set([...made].flatMap((path) => [path, dirname(path), dirname(dirname(path))]))
      for (const path of all) await syncFolderSoon(path)
    },
  }
}
