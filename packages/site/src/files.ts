/** Files that only their owner may read, replaced whole or not at all. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { z } from 'zod'

/** Writes beside, makes durable, renames. Errors: WR_PERMISSION, WR_DISK. */
export const writeDurably = (path: string, content: string | Uint8Array): void =>
  write(path, [typeof content === 'string' ? Buffer.from(content) : content], fsyncSync)

/** Writes beside and renames: after a crash of ours it is whole or not there, after a power cut it may be torn. Errors: WR_PERMISSION, WR_DISK. */
export const writeWhole = (path: string, parts: readonly Uint8Array[]): void => write(path, parts, () => undefined)

function write(path: string, parts: readonly Uint8Array[], settle: (file: number) => void): void {
  const beside = `${path}.new`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const file = openSync(beside, 'w', 0o600)
    try {
      for (const bytes of parts) for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      settle(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    throw diskError(path, error)
  }
}

/** An operating system's refusal in our words. */
export function diskError(path: string, error: unknown): WardroundError {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  return new WardroundError('WR_DISK', { path, reason: message }, { cause: error })
}

/** A JSON file of a known form, or undefined where there is none. Errors: WR_CONFIG for a damaged one. */
export function readJson<T extends z.ZodType>(path: string, schema: T): z.output<T> | undefined {
  if (!existsSync(path)) return undefined
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem: 'it is not readable' }, { cause: error })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success)
    throw new WardroundError('WR_CONFIG', {
      file: path,
      field: parsed.error.issues[0]?.path.join('.') ?? '',
      problem: 'it is not what was written here',
    })
  return parsed.data
}

/** Deletes a file; one that is not there is deleted already. Errors: WR_PERMISSION, WR_DISK. */
export function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw diskError(path, error)
  }
}

export const writeJson = (path: string, value: unknown): void =>
  writeDurably(path, `${JSON.stringify(value, null, 2)}\n`)

/** Takes a file with our process number; one that a dead process left behind is taken over. Errors: WR_LOCKED, WR_PERMISSION, WR_DISK. */
export function lockFile(path: string): () => void {
  const lock = createLock(path)
  try {
    return lock.take()
  } finally {
    lock.close()
  }
}

export type Lock = {
  /** Errors: WR_LOCKED, WR_PERMISSION, WR_DISK. */
  take(): () => void
  /** Not while it is held. */
  close(): void
}

/** lockFile() for whoever takes it again and again: our number is written down once. */
export function createLock(path: string): Lock {
  // Written whole under a name of its own, then linked: a lock file is never seen without its owner's number.
  const mine = `${path}.${process.pid}-${locks++}`
  let written = false
  const writeDown = (): void => {
    if (written) return
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    sweep(path)
    writeFileSync(mine, String(process.pid), { mode: 0o600 })
    written = true
  }
  const takeOver = (error: unknown): void => {
    const pid = ownerOf(path)
    // Our own number in a lock that we do not hold: a container's first process has the number that the last one had.
    const stale = pid === process.pid ? !held.has(path) : pid !== undefined && !isAlive(pid)
    if (!stale) throw new WardroundError('WR_LOCKED', { path, pid: pid ?? 0 }, { cause: error })
    renameSync(mine, path)
    written = false
  }
  return {
    take() {
      try {
        writeDown()
        linkSync(mine, path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskError(path, error)
        takeOver(error)
      }
      held.add(path)
      return () => {
        held.delete(path)
        remove(path)
      }
    },
    close() {
      if (written) remove(mine)
      written = false
    },
  }
}

/** So many were made by this process. */
let locks = 0

/** Removes what killed processes wrote down for this lock. */
function sweep(path: string): void {
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(`${basename(path)}.`) ? /\.(\d+)-\d+$/.exec(name)?.[1] : undefined
    if (pid !== undefined && !isAlive(Number(pid))) remove(join(dirname(path), name))
  }
}

/** The living process that holds a lock; undefined where nobody does. Errors: WR_PERMISSION, WR_DISK. */
export function lockedBy(path: string): number | undefined {
  const pid = ownerOf(path)
  return pid !== undefined && isAlive(pid) ? pid : undefined
}

/** Locks of this process. */
const held = new Set<string>()

/** The process in a lock file; undefined where it was given back meanwhile. */
function ownerOf(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw diskError(path, error)
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
