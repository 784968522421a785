/**
 * A coordinator made of a backup. Sites that have gone on meanwhile do their rounds again, with the very same bytes; watchers that have heard more
 * than it knows miss nothing of what comes. What nobody can know is which join tokens were used since: none of the open ones can be any more.
 */
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Clock, World } from '@wardround/core/ports.ts'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import { backupWords } from '@wardround/core/words/en/backup.ts'
import { coordinatorKeys } from '../identity.ts'
import { copyTables, isEmpty } from '../store/copy.ts'
import { storeFailure } from '../store/failures.ts'
import { latestVersion, migrate } from '../store/migrations.ts'
import { openDatabase } from '../store/open.ts'
import { waitForOthers } from '../store/postgres.ts'
import { openStore, type Store } from '../store/store.ts'
import type { Progress, Watching } from './backup.ts'
import { type Contents, lookInside } from './contents.ts'
import { blobFolders, bytesIn, wholeFolder, writeFrom } from './folder.ts'
import { blobPath, databaseName, type Manifest, readManifest } from './manifest.ts'

export type RestoreOptions = World &
  Watching & {
    /** The backup. */
    readonly from: string
    /** The coordinator's folder, which is not there yet, or empty. */
    readonly folder: string
    /** 'sqlite', or the URL of a PostgreSQL database, whatever kind the backup was made of. */
    readonly store: string
  }

export type Restored = { readonly manifest: Manifest; readonly tokensUsed: number }

/**
 * All of it, or nothing: the folder is there at the end only. Errors: WR_BACKUP_INVALID, WR_VERSION for a backup of a later version, WR_CHAIN_BROKEN,
 * WR_NOT_EMPTY for the folder or the database, WR_STORE, WR_PERMISSION, WR_DISK, WR_CANCELLED.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { from, folder, store, clock } = options
  const manifest = readManifest(from)
  if (manifest.store > latestVersion)
    throw new WardroundError('WR_VERSION', { theirs: `store ${manifest.store}`, ours: `store ${latestVersion}` })
  return wholeFolder(folder, async (partial) => {
    await copyFiles(manifest, { ...options, partial })
    const invalid = (problem: string): WardroundError =>
      new WardroundError('WR_BACKUP_INVALID', { path: from, problem })
    if (coordinatorKeys(partial, options).publicKey !== manifest.coordinatorKey) throw invalid(backupWords.otherKey())
    const database = join(partial, databaseName)
    const tokensUsed = await settle(database, { manifest, clock })
    const missing = missingBlob(manifest, await lookInside(database))
    if (missing !== undefined) throw invalid(backupWords.blobMissing(missing))
    if (store !== 'sqlite') await moveTo(store, database)
    return { manifest, tokensUsed }
  })
}

/** One that is needed and neither there nor known to be lost. */
function missingBlob({ files, lost }: Manifest, { large, damaged }: Contents): string | undefined {
  const known = new Set([...files.map(({ path }) => path), ...lost.map(blobPath)])
  return [...large.map(({ sha256 }) => sha256), ...damaged].find((sha256) => !known.has(blobPath(sha256)))
}

type Copying = Pick<RestoreOptions, 'from' | 'signal' | 'onProgress'> & { readonly partial: string }

async function copyFiles({ files }: Manifest, { from, partial, signal, onProgress }: Copying): Promise<void> {
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let doneBytes = 0
  const each = (sizeBytes: number): void => {
    if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
    doneBytes += sizeBytes
    onProgress?.({ doneBytes, totalBytes } satisfies Progress)
  }
  const folders = blobFolders(partial)
  for (const { path, sizeBytes, sha256 } of files) {
    const source = join(from, path)
    const invalid = (problem: string): WardroundError =>
      new WardroundError('WR_BACKUP_INVALID', { path: from, problem })
    if (!existsSync(source)) throw invalid(backupWords.fileMissing(path))
    await folders.make(path)
    const copy = await writeFrom(join(partial, path), bytesIn(source), each)
    if (copy.sha256 !== sha256 || copy.sizeBytes !== sizeBytes) throw invalid(backupWords.fileDamaged(path))
  }
  await folders.sync()
}

/**
 * The number of the first event after a restore: beyond all that a coordinator that is lost can have given, also one that was restored before. They
 * come by time, a hundred for each millisecond, which is faster than any database.
 */
const firstSequence = (last: number, now: number): number => Math.max(last + 1, now * 100)

type Settling = { readonly manifest: Manifest; readonly clock: Clock }

/** Brings the database up to date and writes down what happened. Returns how many join tokens are used up. */
async function settle(path: string, { manifest, clock }: Settling): Promise<number> {
  const isoNow = (): string => new Date(clock.now()).toISOString()
  const store = await openStore({ kind: 'sqlite', path }, isoNow)
  try {
    await requireUnbroken(store, path)
    const { madeAt, madeBy, files } = manifest
    const sha256 = files.find((file) => file.path === databaseName)?.sha256 ?? ''
    return await store.transaction(async (tables) => {
      const tokensUsed = await tables.useTokens(clock.now())
      const going = (await tables.studies()).filter(({ state }) => state !== 'ended')
      const first = firstSequence(await tables.lastSequence(), clock.now())
      const told = [null, ...going.map(({ id }) => id)]
      await tables.putEvents(
        told.map((study, index) => ({
          sequence: first + index,
          at: isoNow(),
          study,
          kind: 'coordinator.restored',
          payload: JSON.stringify({ madeAt }),
        })),
      )
      await tables.audit('coordinator.restored', { madeAt, madeBy, database: sha256, tokensUsed })
      return tokensUsed
    })
  } finally {
    await store.close()
    // It is in the backup as it was.
    for (const name of readdirSync(dirname(path)))
      if (name.startsWith(`${databaseName}.version-`)) await rm(join(dirname(path), name))
  }
}

async function requireUnbroken(store: Store, file: string): Promise<void> {
  const sequence = firstBroken(await store.auditEntries(0, Number.MAX_SAFE_INTEGER))
  if (sequence !== undefined) throw new WardroundError('WR_CHAIN_BROKEN', { file, sequence })
}

/** Into PostgreSQL, in one transaction; the file is not needed any more. */
async function moveTo(url: string, path: string): Promise<void> {
  const [from, to] = [openDatabase({ kind: 'sqlite', path }), openDatabase({ kind: 'postgres', url })]
  try {
    if ((await migrate(to.db, 'postgres')) > latestVersion) throw notEmpty()
    await to.db.transaction().execute(async (copies) => {
      await waitForOthers(copies)
      if (!(await isEmpty(copies))) throw notEmpty()
      await copyTables(from.db, copies)
    })
  } catch (error) {
    throw error instanceof WardroundError ? error : storeFailure('postgres', error)
  } finally {
    await from.db.destroy()
    await to.db.destroy()
  }
  await rm(path)
}

const notEmpty = (): WardroundError => new WardroundError('WR_NOT_EMPTY', { path: backupWords.database() })
