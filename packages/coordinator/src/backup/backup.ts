/** A backup of a coordinator, made while it goes on. */
import { existsSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import type { KeptBlobs } from '../blobs/kept.ts'
import { writePrivate } from '../identity.ts'
import { latestVersion } from '../store/migrations.ts'
import type { Store } from '../store/store.ts'
import { lookInside } from './contents.ts'
import { blobFolders, bytesIn, measured, type Written, wholeFolder, writeFrom } from './folder.ts'
import { type BackupFile, blobPath, databaseName, keptNames, type Manifest, manifestName } from './manifest.ts'

export type Source = {
  /** The coordinator's own. */
  readonly folder: string
  readonly store: Pick<Store, 'copyTo'>
  readonly blobs: Pick<KeptBlobs, 'stream' | 'freeze'>
  readonly coordinatorKey: string
  readonly clock: Clock
  readonly version: string
}

export type Progress = { readonly doneBytes: number; readonly totalBytes: number }

export type Watching = { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void }

/**
 * Into the folder `path`, which is there afterwards whole or not at all. The database is as it was at one moment, and no blob that it names then
 * goes before it is copied. Errors: WR_NOT_EMPTY, WR_PERMISSION, WR_DISK, WR_STORE, WR_CANCELLED.
 */
export async function backup(source: Source, path: string, watching: Watching = {}): Promise<Manifest> {
  return wholeFolder(path, async (partial) => {
    const made = await source.blobs.freeze(() => copied(source, partial, watching))
    writePrivate(join(partial, manifestName), `${JSON.stringify(made, null, 1)}\n`)
    return made
  })
}

async function copied(source: Source, partial: string, { signal, onProgress }: Watching): Promise<Manifest> {
  const madeAt = new Date(source.clock.now()).toISOString()
  await source.store.copyTo(join(partial, databaseName))
  await chmod(join(partial, databaseName), 0o600)
  const { large, damaged, counts } = await lookInside(join(partial, databaseName))
  const database = await measured(join(partial, databaseName))
  const totalBytes = large.reduce((sum, { sizeBytes }) => sum + sizeBytes, database.sizeBytes)
  let doneBytes = database.sizeBytes
  const each = (sizeBytes: number): void => {
    if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
    doneBytes += sizeBytes
    onProgress?.({ doneBytes, totalBytes })
  }
  each(0)
  const files: BackupFile[] = [{ path: databaseName, ...database }]
  for (const name of keptNames) {
    if (!existsSync(join(source.folder, name))) continue
    files.push({
      path: name,
      ...(await writeFrom(join(partial, name), bytesIn(join(source.folder, name)), () => undefined)),
    })
  }
  const lost = [...damaged]
  const folders = blobFolders(partial)
  for (const { sha256 } of large) {
    await folders.make(blobPath(sha256))
    const copy = await copiedBlob(source, { sha256, to: join(partial, blobPath(sha256)), each })
    if (copy === undefined) lost.push(sha256)
    else files.push({ path: blobPath(sha256), ...copy })
  }
  await folders.sync()
  const { version: madeBy, coordinatorKey } = source
  return {
    wardround: 'backup',
    version: 1,
    madeBy,
    madeAt,
    store: latestVersion,
    coordinatorKey,
    counts,
    files,
    lost: lost.toSorted(),
  }
}

/** undefined where it is gone or damaged: the study that needs it waits for it, in this coordinator as in one that is restored. */
async function copiedBlob(
  { blobs }: Source,
  { sha256, to, each }: { sha256: string; to: string; each: (sizeBytes: number) => void },
): Promise<Written | undefined> {
  try {
    const copy = await writeFrom(to, readable(blobs, sha256), each)
    if (copy.sha256 === sha256) return copy
  } catch (error) {
    if (asWardroundError(error).code !== 'WR_BLOB_MISSING') throw error
  }
  await rm(to, { force: true })
  return undefined
}

/** However its reading fails: it is not there. */
async function* readable(blobs: Source['blobs'], sha256: string): AsyncGenerator<Uint8Array> {
  const chunks = blobs.stream(sha256)[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await chunks.next().catch((error: unknown) => {
      throw new WardroundError('WR_BLOB_MISSING', { sha256 }, { cause: error })
    })
    if (done === true) return
    yield value
  }
}
