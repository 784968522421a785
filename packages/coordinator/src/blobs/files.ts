/** Files that blobs are kept in: opened, written and measured, with errors in our words. */
import { access, type FileHandle, open, stat } from 'node:fs/promises'
import { WardroundError } from '@wardround/core/errors.ts'

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

export const sizeOf = async (path: string): Promise<number> => ((await exists(path)) ? (await stat(path)).size : 0)

export async function writable(path: string, flags: string | number): Promise<FileHandle> {
  return open(path, flags, 0o600).catch((error: unknown) => {
    throw diskError(path, error)
  })
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
