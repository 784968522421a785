/** Blobs in a folder: written beside, fsynced, then renamed to their digest, so that a name never stands for half a file. */
import { createHash, type Hash } from 'node:crypto'
import {
  closeSync,
  constants,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { syncFolder, syncFolderSoon } from '../sync-folder.ts'
import type { BlobStore, BlobWriter } from './blob-store.ts'

export async function folderBlobs(folder: string): Promise<BlobStore> {
  const [blobs, partial] = [join(folder, 'sha256'), join(folder, 'partial')]
  try {
    for (const path of [blobs, partial]) await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path: folder, action: 'write' }, { cause: error })
  }
  const pathOf = (sha256: string): string => join(blobs, sha256.slice(0, 2), sha256)
  let counter = 0
  /** Folders that are there, and durable. */
  const known = new Set<string>()
  const nextPath = (): string => {
    counter += 1
    return join(partial, `${process.pid}-${counter}.new`)
  }
  const writer = (): Promise<BlobWriter> => fileWriter(nextPath(), settle)
  /** From `partial` to its digest's name; the folder is synced too, or the name could be lost with the power. */
  const settle: Settle = async (from, ref) => {
    const to = pathOf(ref.sha256)
    const parent = dirname(to)
    const made = known.has(parent) ? undefined : await mkdir(parent, { recursive: true, mode: 0o700 })
    await rename(from, to)
    for (const path of made === undefined ? [parent] : [parent, blobs]) await syncFolderSoon(path)
    known.add(parent)
    return ref
  }
  return {
    has: (sha256) => exists(pathOf(sha256)),
    read: async (sha256, range) =>
      guarded(sha256, async () => {
        const bytes = await readRange(pathOf(sha256), range)
        if (range === undefined && digest(bytes) !== sha256) throw new Error('The file is not what its name says.')
        return bytes
      }),
    stream: (sha256, start = 0) => streamed(sha256, pathOf(sha256), start),
    size: async (sha256) => guarded(sha256, async () => (await stat(pathOf(sha256))).size),
    async put(bytes, sha256 = digest(bytes)) {
      const ref = { sha256, sizeBytes: bytes.length }
      const path = nextPath()
      if (bytes.length <= smallBytes) return putSmall(path, bytes, { ref, to: pathOf(sha256), known })
      const file = await writable(path, 'w')
      await written(file, bytes, { path, position: 0 })
        .then(() => file.sync())
        .finally(() => file.close())
        .catch((error: unknown) => rm(path, { force: true }).then(() => Promise.reject(error)))
      return settle(path, ref)
    },
    writer,
    delete: (sha256) => rm(pathOf(sha256), { force: true }),
    async *list() {
      for (const first of await readdir(blobs))
        for (const name of await readdir(join(blobs, first))) if (digestPattern.test(name)) yield name
    },
    async tidy() {
      for (const name of await readdir(partial)) if (name.endsWith('.new')) await rm(join(partial, name))
    },
    staged: stagedIn(partial, settle),
  }
}

const smallBytes = 1 << 18
const digestPattern = /^[0-9a-f]{64}$/

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Nine calls that would each wait for a thread cost more than the disk does: made at once, as SQLite makes its own. */
function putSmall(
  path: string,
  bytes: Uint8Array,
  { ref, to, known }: { ref: BlobRef; to: string; known: Set<string> },
): BlobRef {
  const parent = dirname(to)
  try {
    const file = openSync(path, 'w', 0o600)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    const made = known.has(parent) ? undefined : mkdirSync(parent, { recursive: true, mode: 0o700 })
    renameSync(path, to)
    for (const folder of made === undefined ? [parent] : [parent, dirname(parent)]) syncFolder(folder)
  } catch (error) {
    rmSync(path, { force: true })
    throw diskError(path, error)
  }
  known.add(parent)
  return ref
}

function diskError(path: string, error: unknown): WardroundError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return forbidden.has(code)
    ? new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
    : new WardroundError('WR_DISK', { path, reason: message }, { cause: error })
}

/** What no waiting mends: it may not be written there, or there is no such folder any more. */
const forbidden: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'])

type Settle = (from: string, ref: BlobRef) => Promise<BlobRef>

async function fileWriter(path: string, settle: Settle): Promise<BlobWriter> {
  const file = await writable(path, 'w')
  const hash = createHash('sha256')
  let sizeBytes = 0
  const abort = async (): Promise<void> => {
    await file.close()
    await rm(path, { force: true })
  }
  return {
    async write(chunk) {
      await written(file, chunk, { path, position: sizeBytes }).catch(async (error: unknown) => {
        await abort()
        throw error
      })
      hash.update(chunk)
      sizeBytes += chunk.length
    },
    async finish(named) {
      await file.sync().finally(() => file.close())
      const ref = { sha256: hash.digest('hex'), sizeBytes }
      await named?.(ref)
      return settle(path, ref)
    },
    abort,
  }
}

const uploadEnding = '.upload'

function stagedIn(folder: string, settle: Settle): BlobStore['staged'] {
  const staging = (name: string): string => join(folder, `${name}${uploadEnding}`)
  return {
    receivedBytes: (name) => sizeOf(staging(name)),
    async append(name, offset, piece) {
      const path = staging(name)
      const received = await sizeOf(path)
      if (offset > received) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: received })
      const fresh = piece.subarray(Math.max(0, received - offset))
      if (fresh.length === 0) return received
      // At its place, not at the end: a piece that is sent twice at once is written twice over itself.
      const file = await writable(path, constants.O_WRONLY | constants.O_CREAT)
      await written(file, fresh, { path, position: received }).finally(() => file.close())
      return received + fresh.length
    },
    async commit(name, expected) {
      const path = staging(name)
      const found = await digestOf(path)
      if (found.sha256 !== expected.sha256 || found.sizeBytes !== expected.sizeBytes) {
        await rm(path, { force: true })
        throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The update' })
      }
      const file = await open(path, 'r+')
      await file.sync().finally(() => file.close())
      await settle(path, expected)
    },
    discard: (name) => rm(staging(name), { force: true }),
    list: async () =>
      (await readdir(folder))
        .filter((name) => name.endsWith(uploadEnding))
        .map((name) => name.slice(0, -uploadEnding.length)),
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const sizeOf = async (path: string): Promise<number> => ((await exists(path)) ? (await stat(path)).size : 0)

async function writable(path: string, flags: string | number): Promise<FileHandle> {
  return open(path, flags, 0o600).catch((error: unknown) => {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  })
}

async function written(
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
    throw new WardroundError(
      'WR_DISK',
      { path, reason: error instanceof Error ? error.message : 'The write failed.' },
      { cause: error },
    )
  }
}

async function guarded<T>(sha256: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw new WardroundError('WR_BLOB_MISSING', { sha256 }, { cause: error })
  })
}

async function readRange(path: string, range: { start: number; end: number } | undefined): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Math.min(size, range?.start ?? 0)
    const bytes = new Uint8Array(Math.max(0, Math.min(size, range?.end ?? size) - start))
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

const chunkBytes = 1 << 20

async function* streamed(sha256: string, path: string, start: number): AsyncGenerator<Uint8Array> {
  if (!(await exists(path))) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  for await (const chunk of createReadStream(path, { start, highWaterMark: chunkBytes })) yield chunk as Uint8Array
}

async function digestOf(path: string): Promise<BlobRef> {
  const hash: Hash = createHash('sha256')
  let sizeBytes = 0
  if (await exists(path)) {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Uint8Array)
      sizeBytes += (chunk as Uint8Array).length
    }
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}
