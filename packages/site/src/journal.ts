/**
 * What this site did, and above all what left it: one line an entry, hash-chained, on disk before anything leaves. The chain makes a change
 * visible; what a power cut tore is cut off with the next entry, and that is written down too. No line that was durable is ever cut off.
 */
import { dirname } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import type { Clock, Disk } from '@wardround/core/ports.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { type ChainEntry, chained, firstBroken, genesis, linkHash } from '@wardround/core/protocol/chain.ts'
import { z } from 'zod'
import { guarded } from './files.ts'
import type { ReleasedResult } from './progress.ts'

/** Bodies by kind. `released` is the one that an auditor reads first. */
export type JournalBodies = {
  joined: { site: string; coordinator: string; publicKey: string }
  decided: { study: string; planHash: string; decision: 'approved' | 'refused' }
  /** `device`: where it is not the processor, results are not reproducible to the bit. */
  'task-accepted': { task: string; study: string; kind: string; round: number; device?: string }
  'task-refused': { task: string; study: string; code: string; why: string }
  released: {
    what: string
    method: string
    path: string
    sizeBytes: number
    sha256: string
    to: string
    study: string
    planHash: string
    /** Which task's result it is, or is a piece of; absent for anything else. */
    result?: ReleasedResult
  }
  /** The coordinator has thanked for a task's result. */
  thanked: { task: string; study: string }
  left: { site: string }
  'torn-line-cut': { bytes: number }
}
export type JournalKind = keyof JournalBodies

export type Journal = {
  /** Durable when it returns. Errors: WR_DISK, WR_PERMISSION. */
  write<K extends JournalKind>(kind: K, body: JournalBodies[K]): void
  /** In the file when it returns, and durable with the next write(): for what happens here alone, and is followed by what leaves. */
  note<K extends JournalKind>(kind: K, body: JournalBodies[K]): void
  close(): void
}

const entrySchema = z.strictObject({
  sequence: z.int(),
  at: z.string(),
  kind: z.string(),
  body: z.record(z.string(), z.unknown()),
  previous: z.string(),
  hash: z.string(),
})

export type JournalEntry = ChainEntry & { readonly body: Record<string, unknown> }

export type JournalCheck = {
  readonly entries: readonly JournalEntry[]
  /** The sequence of the first entry that does not fit; undefined where all do. */
  readonly broken: number | undefined
  /** Bytes after the last whole line: a write that a power cut tore. */
  readonly tornBytes: number
}

/** Reads and checks a journal; a missing one is empty. Errors: WR_PERMISSION. */
export function readJournal(disk: Disk, path: string): JournalCheck {
  const bytes = readBytes(disk, path)
  const end = bytes.lastIndexOf(0x0a) + 1
  const entries: JournalEntry[] = []
  let at = 0
  for (const line of linesOf(bytes.subarray(0, end))) {
    const entry = parseLine(line)
    if (entry === undefined && isTorn(bytes, at))
      return { entries, broken: firstBroken(entries), tornBytes: bytes.length - at }
    if (entry === undefined) return { entries, broken: entries.length + 1, tornBytes: 0 }
    entries.push(entry)
    at += Buffer.byteLength(line) + 1
  }
  return { entries, broken: firstBroken(entries), tornBytes: bytes.length - end }
}

/** Entries that note() writes: not durable by themselves. */
const noted: ReadonlySet<string> = new Set(['task-accepted', 'thanked'] satisfies JournalKind[])

/**
 * Whether what stands from `at` on, where a line is no entry, was never durable. Sectors of a file reach a disk in any order, and its length may come
 * first: a power cut then leaves zeros in front of whole lines. An entry that was durable made everything before it durable, so behind
 * zeros there can only be entries that were noted, and at the very end one whose writing had begun. Anything else was changed by somebody.
 */
function isTorn(bytes: Uint8Array, at: number): boolean {
  if (!hasZeroSectors(bytes, at)) return false
  const end = bytes.lastIndexOf(0x0a) + 1
  const lines = linesOf(bytes.subarray(at, end))
  const begun = end === bytes.length ? lines.length - 1 : lines.length
  return lines.every(
    (line, index) => index === 0 || index === begun || line.includes('\0') || noted.has(parseLine(line)?.kind ?? ''),
  )
}

/** The least that a disk writes at once. */
const sectorBytes = 512

/** Zeros, and none but from `start` or the beginning of a sector to the end of one or of the file. */
function hasZeroSectors(bytes: Uint8Array, start: number): boolean {
  let found = false
  for (let at = bytes.indexOf(0, start); at >= 0; at = bytes.indexOf(0, at)) {
    if (at !== start && at % sectorBytes !== 0) return false
    while (bytes[at] === 0) at += 1
    if (at !== bytes.length && at % sectorBytes !== 0) return false
    found = true
  }
  return found
}

const readBytes = (disk: Disk, path: string): Uint8Array => reading(path, () => disk.read(path)) ?? new Uint8Array()

function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'read' }, { cause: error })
  }
}

/** Of bytes that end with a line's end, or are none. */
const linesOf = (bytes: Uint8Array): string[] =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).split('\n').slice(0, -1)

function parseLine(line: string): JournalEntry | undefined {
  try {
    return entrySchema.safeParse(parseJson(line)).data
  } catch {
    // Not JSON that we would have written: the chain is broken here, which is what undefined says.
    return undefined
  }
}

export type JournalPlace = {
  readonly path: string
  readonly disk: Disk
  readonly clock: Pick<Clock, 'now'>
  /** Given every entry, in order: those that are there, and those that come. */
  readonly read?: (entry: JournalEntry) => void
}

/** Another process of this site holds the lock for one entry: milliseconds. */
const patienceMs = 5000

/**
 * Opens a journal for writing, together with other processes of this site (a running agent, a person who approves): the lock is held for one
 * entry at a time, and entries of others are read before the next is chained to them. Errors: WR_CHAIN_BROKEN, WR_DISK, WR_PERMISSION.
 */
export function openJournal({ path, disk, clock, read = () => undefined }: JournalPlace): Journal {
  let known: Position = { bytes: 0, sequence: 0, hash: genesis }
  const lock = disk.lock(`${path}.lock`)
  const appendLine = lineAppender(disk, path)
  const append = (kind: JournalKind, body: Record<string, unknown>, durably = true): void => {
    const entry = chained(
      { sequence: known.sequence + 1, at: new Date(clock.now()).toISOString(), kind, body },
      known.hash,
    )
    const line = Buffer.from(`${canonicalJson(entry)}\n`)
    try {
      appendLine(line, durably)
    } catch (error) {
      takeBack(disk, path, { bytes: known.bytes, ifBytes: known.bytes + line.length })
      throw error
    }
    known = { bytes: known.bytes + line.length, sequence: entry.sequence, hash: entry.hash }
    read({ ...entry, body })
  }
  const add = (kind: JournalKind, body: Record<string, unknown>, durably: boolean): void => {
    const release = lock.take(patienceMs)
    try {
      const { position, tornBytes } = caughtUp({ path, disk, read }, known)
      known = position
      if (tornBytes > 0) {
        guarded(path, () => disk.truncate(path, known.bytes))
        append('torn-line-cut', { bytes: tornBytes })
      }
      append(kind, body, durably)
    } finally {
      release()
    }
  }
  known = caughtUp({ path, disk, read }, known).position
  return {
    write: (kind, body) => add(kind, body, true),
    note: (kind, body) => add(kind, body, false),
    close: lock.close,
  }
}

type Position = { readonly bytes: number; readonly sequence: number; readonly hash: string }

/** From a known position to the last whole entry on disk, checking and reading each on the way. */
function caughtUp(
  { path, disk, read }: Required<Omit<JournalPlace, 'clock'>>,
  known: Position,
): { position: Position; tornBytes: number } {
  const size = reading(path, () => disk.sizeBytes(path))
  if (size === undefined || size === known.bytes) return { position: known, tornBytes: 0 }
  const all = readBytes(disk, path)
  const end = all.lastIndexOf(0x0a) + 1
  let { bytes, sequence, hash } = known
  for (const line of linesOf(all.subarray(bytes, Math.max(bytes, end)))) {
    const entry = parseLine(line)
    if (entry === undefined && isTorn(all, bytes)) break
    sequence += 1
    if (entry?.sequence !== sequence || entry.previous !== hash || entry.hash !== linkHash(entry, hash))
      throw new WardroundError('WR_CHAIN_BROKEN', { file: path, sequence })
    hash = entry.hash
    bytes += Buffer.byteLength(line) + 1
    read(entry)
  }
  return { position: { bytes, sequence, hash }, tornBytes: Math.max(0, all.length - bytes) }
}

/**
 * An entry that is there whole and could not be made durable tells of what will not happen. Cut off, it is not taken for one that was durable. A
 * part of one is cut off, and noted, with the next entry.
 */
function takeBack(disk: Disk, path: string, { bytes, ifBytes }: { bytes: number; ifBytes: number }): void {
  try {
    if (disk.sizeBytes(path) === ifBytes) disk.truncate(path, bytes)
  } catch {
    // The disk takes nothing at all: the error of the entry itself says so.
  }
}

function lineAppender(disk: Disk, path: string): (line: Uint8Array, durably: boolean) => void {
  const folder = dirname(path)
  let named = false
  return (line, durably) =>
    guarded(path, () => {
      if (!named) disk.makeFolder(folder)
      disk.append(path, line, { durably })
      if (named || !durably) return
      // Once is enough: the file keeps its name.
      disk.syncFolder(folder)
      named = true
    })
}
