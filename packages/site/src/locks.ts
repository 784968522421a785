/** Locks between processes of one machine: a file with its holder's process number. One that a dead process left behind is taken over. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Lock } from '@wardround/core/ports.ts'
import { diskError } from './files.ts'

/** Whoever takes it again and again writes our number down once. */
export function processLock(path: string): Lock {
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
  const takeNow = (): void => {
    try {
      writeDown()
      linkSync(mine, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskError(path, error)
      takeOver(error)
    }
    held.add(path)
  }
  return {
    take(patienceMs = 0) {
      patiently(takeNow, patienceMs)
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

const pauseMs = 2

function patiently(take: () => void, patienceMs: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      take()
      return
    } catch (error) {
      if (!(error instanceof WardroundError) || error.code !== 'WR_LOCKED' || waitedMs >= patienceMs) throw error
      Atomics.wait(pause, 0, 0, pauseMs)
    }
  }
}

/** One that is not there is removed already. */
function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw diskError(path, error)
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
