/**
 * What a backup consists of: a folder with one SQLite file, the files of blobs, the coordinator's keys, and, written last, a manifest with the
 * digest of each. A folder without a manifest is no backup.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import { sha256Schema } from '@wardround/core/protocol/task.ts'
import { backupWords } from '@wardround/core/words/en/backup.ts'
import { z } from 'zod'

export const manifestName = 'backup.json'
export const databaseName = 'coordinator.sqlite'

/** Beside the database and the blobs, what makes it the same coordinator. All but the first may be missing. */
export const keptNames = ['identity.json', 'certificate.pem', 'certificate.key', 'access'] as const

/** Where a blob's file is, in a backup as in the coordinator's folder. */
export const blobPath = (sha256: string): string => `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`

const blobPattern = /^blobs\/sha256\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/

/** No path leads anywhere else. */
const pathSchema = z.union([z.enum([databaseName, ...keptNames]), z.string().regex(blobPattern)])

const fileSchema = z.strictObject({ path: pathSchema, sizeBytes: z.int().min(0), sha256: sha256Schema })
export type BackupFile = z.output<typeof fileSchema>

const countsSchema = z.strictObject({
  sites: z.int(),
  studies: z.int(),
  events: z.int(),
  audit: z.int(),
})
export type Counts = z.output<typeof countsSchema>

const manifestSchema = z.strictObject({
  wardround: z.literal('backup'),
  version: z.literal(1),
  /** Of the program that made it. */
  madeBy: z.string(),
  madeAt: z.iso.datetime(),
  /** Version of the database's tables. */
  store: z.int().min(1),
  coordinatorKey: z.string(),
  counts: countsSchema,
  files: z.array(fileSchema),
  /** Digests of blobs that studies need, and that were lost already when it was made. */
  lost: z.array(sha256Schema),
})
export type Manifest = z.output<typeof manifestSchema>

/** What is said of a backup that was made. */
export const madeSchema = z.strictObject({
  path: z.string(),
  madeAt: z.string(),
  sizeBytes: z.int(),
  counts: countsSchema,
  lost: z.array(sha256Schema),
})
export type Made = z.output<typeof madeSchema>

export const madeOf = (path: string, { madeAt, counts, lost, files }: Manifest): Made => ({
  path,
  madeAt,
  sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  counts,
  lost,
})

const versionSchema = z.looseObject({ wardround: z.literal('backup'), version: z.int() })

/** Errors: WR_BACKUP_INVALID; WR_VERSION for one of a later form. */
export function readManifest(folder: string): Manifest {
  const invalid = (problem: string, cause?: unknown): WardroundError =>
    new WardroundError('WR_BACKUP_INVALID', { path: folder, problem }, { cause })
  let value: unknown
  try {
    value = parseJson(readFileSync(join(folder, manifestName), 'utf8'))
  } catch (error) {
    throw invalid(backupWords.noManifest(manifestName), error)
  }
  const { data: found } = versionSchema.safeParse(value)
  if (found !== undefined && found.version > 1)
    throw new WardroundError('WR_VERSION', { theirs: `backup ${found.version}`, ours: 'backup 1' })
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success)
    throw invalid(backupWords.manifestField(manifestName, parsed.error.issues[0]?.path.join('.') ?? ''))
  const names = new Set(parsed.data.files.map(({ path }) => path))
  if (!names.has(databaseName) || !names.has(keptNames[0])) throw invalid(backupWords.incomplete())
  return parsed.data
}
