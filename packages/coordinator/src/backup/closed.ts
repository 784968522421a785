/** A backup of a coordinator that does not run: its store is opened for that alone, and nothing in it is changed. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { World } from '@wardround/core/ports.ts'
import { folderBlobs } from '../blobs/fs.ts'
import { coordinatorKeys } from '../identity.ts'
import { storeFailure } from '../store/failures.ts'
import { foundVersion, latestVersion } from '../store/migrations.ts'
import { openDatabase, type StoreOptions } from '../store/open.ts'
import { backup, type Watching } from './backup.ts'
import { databaseName, keptNames, type Made, madeOf } from './manifest.ts'

export type Closed = World &
  Watching & {
    readonly folder: string
    /** 'sqlite', or the URL of a PostgreSQL database. */
    readonly store: string
    readonly version: string
  }

/** Errors: of backup(); WR_NOT_FOUND where there is no coordinator, WR_LOCKED where one runs, WR_VERSION where its store is of another version. */
export async function backupClosed(path: string, options: Closed): Promise<Made> {
  const { folder, store, clock, version } = options
  const where: StoreOptions =
    store === 'sqlite' ? { kind: 'sqlite', path: join(folder, databaseName) } : { kind: 'postgres', url: store }
  const isThere = existsSync(join(folder, keptNames[0])) && (where.kind === 'postgres' || existsSync(where.path))
  if (!isThere) throw new WardroundError('WR_NOT_FOUND', { what: 'coordinator', name: folder })
  const { db, copyTo } = openDatabase(where)
  try {
    const found = await foundVersion(db, where.kind)
    if (found !== latestVersion)
      throw new WardroundError('WR_VERSION', { theirs: `store ${found}`, ours: `store ${latestVersion}` })
    const { stream } = await folderBlobs(join(folder, 'blobs'))
    const coordinatorKey = coordinatorKeys(folder, options).publicKey
    const blobs = { stream, freeze: <T>(work: () => Promise<T>) => work() }
    return madeOf(
      path,
      await backup({ folder, store: { copyTo }, blobs, coordinatorKey, clock, version }, path, options),
    )
  } catch (error) {
    throw error instanceof WardroundError ? error : storeFailure(where.kind, error)
  } finally {
    await db.destroy()
  }
}
