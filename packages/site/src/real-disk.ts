/** The disk of this machine, for its owner only. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Disk, Durability } from '@wardround/core/ports.ts'
import { lockedBy, processLock } from './locks.ts'

export function realDisk(): Disk {
  /** Folders whose own names are durable. */
  const settled = new Set<string>()
  const makeFolder = (path: string): void => {
    const above = dirname(path)
    const there = existsSync(path)
    if (there && settled.has(path)) return
    if (!there) {
      makeFolder(above)
      mkdirSync(path, { mode: 0o700 })
    }
    // Each before the next below it: of those that are there, only the last may have been made by one of us who died before this.
    if (mayHaveMade(above)) syncFolder(above)
    settled.add(path)
  }
  return {
    read: (path) => unlessMissing(() => readFileSync(path)),
    readInto: (path, target, from) => unlessMissing(() => readInto(path, target, from)),
    sizeBytes: (path) => unlessMissing(() => statSync(path).size),
    list: (folder) => unlessMissing(() => readdirSync(folder)) ?? [],
    makeFolder: (path) => makeFolder(resolve(path)),
    write: (path, parts, durability) => put(path, 'w', { parts, ...durability }),
    append: (path, bytes, durability) => put(path, 'a', { parts: [bytes], ...durability }),
    truncate: truncateSync,
    rename: renameSync,
    remove: (path) => unlessMissing(() => unlinkSync(path)),
    syncFolder,
    lock: processLock,
    lockedBy,
  }
}

function put(
  path: string,
  flags: 'w' | 'a',
  { parts, durably }: Durability & { readonly parts: readonly Uint8Array[] },
): void {
  const file = openSync(path, flags, 0o600)
  try {
    for (const bytes of parts) for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    if (durably) fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function readInto(path: string, target: Uint8Array, from: number): number {
  const file = openSync(path, 'r')
  try {
    let at = 0
    while (at < target.length) {
      const count = readSync(file, target, at, target.length - at, from + at)
      if (count === 0) break
      at += count
    }
    return at
  } finally {
    closeSync(file)
  }
}

/** Windows opens no folder, and writes names down by itself. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return void statSync(path)
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function mayHaveMade(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK)
    return true
  } catch {
    // Somebody else's folder: nothing in it was made by us.
    return false
  }
}

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
