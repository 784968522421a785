/** Files that only their owner may read, replaced whole or not at all. */
import { dirname } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import type { z } from 'zod'

/** After a power cut there is the one content or the other, and this one where it returns. Errors: WR_PERMISSION, WR_DISK. */
export const writeDurably = (disk: Disk, path: string, content: string | readonly Uint8Array[]): void =>
  guarded(path, () => {
    const folder = dirname(path)
    disk.makeFolder(folder)
    disk.write(`${path}.new`, typeof content === 'string' ? [Buffer.from(content)] : content, { durably: true })
    disk.rename(`${path}.new`, path)
    // Or the new name could be lost with the power, and with it what it stands for.
    disk.syncFolder(folder)
  })

/** After a crash of ours it is whole or not there, after a power cut it may be torn. Errors: WR_PERMISSION, WR_DISK. */
export const writeWhole = (disk: Disk, path: string, parts: readonly Uint8Array[]): void =>
  guarded(path, () => {
    disk.makeFolder(dirname(path))
    disk.write(`${path}.new`, parts, { durably: false })
    disk.rename(`${path}.new`, path)
  })

/** What a file has of so many bytes from a place on, in `memory`; nothing where there is no file. Errors: WR_PERMISSION, WR_DISK. */
export const readPart = (disk: Disk, path: string, part: { memory: Uint8Array<ArrayBuffer>; from: number }) =>
  part.memory.subarray(0, guarded(path, () => disk.readInto(path, part.memory, part.from)) ?? 0)

/** A file in memory of its own, which can be handed on; undefined where there is none. Errors: WR_PERMISSION, WR_DISK. */
export function readWhole(disk: Disk, path: string): Uint8Array<ArrayBuffer> | undefined {
  const sizeBytes = disk.sizeBytes(path)
  return sizeBytes === undefined ? undefined : readPart(disk, path, { memory: new Uint8Array(sizeBytes), from: 0 })
}

/** Deletes a file; one that is not there is deleted already. Errors: WR_PERMISSION, WR_DISK. */
export const remove = (disk: Disk, path: string): void => guarded(path, () => disk.remove(path))

/** Does what changes a file. Errors: WR_PERMISSION, WR_DISK. */
export function guarded<T>(path: string, change: () => T): T {
  try {
    return change()
  } catch (error) {
    throw diskError(path, error)
  }
}

/** An operating system's refusal in our words. */
export function diskError(path: string, error: unknown): WardroundError {
  const { code, message } = error as NodeJS.ErrnoException
  // A file system that was mounted read-only, as one is that found an error, is written to again once it is mended.
  if (code === 'EACCES' || code === 'EPERM')
    return new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  return new WardroundError('WR_DISK', { path, reason: message }, { cause: error })
}

/** A JSON file of a known form, or undefined where there is none. Errors: WR_CONFIG for a damaged one. */
export function readJson<T extends z.ZodType>(disk: Disk, path: string, schema: T): z.output<T> | undefined {
  const bytes = readBytes(disk, path)
  return bytes === undefined ? undefined : jsonIn(bytes, path, schema)
}

/** What is in a JSON file, undefined where there is none. Errors: WR_CONFIG. */
export function readBytes(disk: Disk, path: string): Uint8Array | undefined {
  try {
    return disk.read(path)
  } catch (error) {
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem: unreadable }, { cause: error })
  }
}

const unreadable = 'it is not readable'

/** What bytes of a JSON file of a known form say. Errors: WR_CONFIG for damaged ones. */
export function jsonIn<T extends z.ZodType>(bytes: Uint8Array, path: string, schema: T): z.output<T> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem: unreadable }, { cause: error })
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

export const writeJson = (disk: Disk, path: string, value: unknown): void =>
  writeDurably(disk, path, `${JSON.stringify(value, null, 2)}\n`)
