/** Files that blobs are kept in: opened, written and measured, with errors in our words. */
import { type FileHandle, open, stat, unlink } from 'node:fs/promises'
import { WardroundError } from '@wardround/core/errors.ts'

/** 0 where there is none. */
export const sizeOf = async (path: string): Promise<number> => (await stat(path, quietly).catch(told(path)))?.size ?? 0

/** Not what may not be looked at, either. */
export const exists = (path: string): Promise<boolean> =>
  stat(path, quietly).then(
    (found) => found !== undefined,
    () => false,
  )

const quietly = { throwIfNoEntry: false } as const

export const told = (path: string) => (error: unknown) => {
  throw diskError(path, error)
}

/** What a disk has no room for it may say only now. Errors: WR_DISK. */
export const synced = (file: Pick<FileHandle, 'sync'>, path: string): Promise<void> => file.sync().catch(told(path))

/** Deletes a file, if it is there. (rm() looks first what it is, and keeps the whole process waiting for that.) */
export async function remove(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

export async function writable(path: string, flags: string | number): Promise<FileHandle> {
  return open(path, flags, 0o600).catch(told(path))
}

export async function written(
  file: FileHandle,
  chunk: Uint8Array,
  { path, position }: { path: string; position: number },
): Promise<void> {
  try {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, at, chunk.length - at, position + at)
      at += bytesWritten
    }
  } catch (error) {
    throw diskError(path, error)
  }
}

export function diskError(path: string, error: unknown): WardroundError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return forbidden.has(code)
    ? new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
    : new WardroundError('WR_DISK', { path, reason: message }, { cause: error })
}

/** What no waiting mends: it may not be written there, or there is no such folder any more. */
const forbidden: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'])
