/** Uploads on their way in, each a file that grows piece by piece. */
import { createHash, type Hash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Seal, Sealing } from '@wardround/core/seal.ts'
import { type PassingValues, passingValues } from '../values.ts'
import type { Adding, BlobStore } from './blob-store.ts'
import { exists, remove, sizeOf, synced, told, writable, written } from './files.ts'
import { type Flushing, flushing } from './flushing.ts'

/** Turns a file into a blob, which has this seal. */
export type Settle = (from: string, ref: BlobRef, sealed?: string) => Promise<BlobRef>
export type Settling = { readonly settle: Settle; readonly seal: Sealing | undefined }

/** What has been seen of an upload while it came, so that its end need not be waited for and all of it read again. */
type Seen = { readonly hash: Hash; readonly seal: Seal | undefined; readonly values: PassingValues; bytes: number }

/** One that somebody in this life has added to. */
type Upload = {
  /** Of those who are adding to it. */
  readonly files: Set<FileHandle>
  readonly flush: Flushing
  /** What the file has, as far as anybody has written it. */
  writtenBytes: number
  /** undefined where the file is not what was seen: from before a restart, or where two added at once. */
  seen: Seen | undefined
}
type Uploads = Map<string, Upload>

const uploadEnding = '.upload'

export function stagedIn(folder: string, { settle, seal }: Settling): BlobStore['staged'] {
  const staging = (name: string): string => join(folder, `${name}${uploadEnding}`)
  const uploads: Uploads = new Map()
  const startSeen = (): Seen => ({ hash: createHash('sha256'), seal: seal?.(), values: passingValues(), bytes: 0 })
  /** Nobody adds to it any more: what is being written is waited for, and who wants to go on begins anew. */
  const end = async (name: string): Promise<Upload | undefined> => {
    const upload = uploads.get(name)
    uploads.delete(name)
    for (const file of upload?.files ?? []) await file.close()
    return upload
  }
  return {
    receivedBytes: (name) => sizeOf(staging(name)),
    open: async (name) => addingTo(staging(name), { uploads, name, startSeen }),
    async commit(name, expected) {
      const path = staging(name)
      const upload = await end(name)
      const seen = upload?.seen
      const found =
        seen !== undefined && seen.bytes === (await sizeOf(path))
          ? {
              sha256: seen.hash.digest('hex'),
              sizeBytes: seen.bytes,
              sealed: seen.seal?.digest(),
              plausible: seen.values.plausible(),
            }
          : { ...(await digestOf(path)), sealed: undefined, plausible: false }
      if (found.sha256 !== expected.sha256 || found.sizeBytes !== expected.sizeBytes) {
        await remove(path)
        throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The upload' })
      }
      await upload?.flush.settled().catch(async (error: unknown) => {
        // Of what did not reach the disk then, a later sync may say that it did.
        await remove(path)
        told(path)(error)
      })
      const file = await open(path, 'r+')
      await synced(file, path).finally(() => file.close())
      await settle(path, expected, found.sealed)
      return { plausible: found.plausible }
    },
    async discard(name) {
      await end(name)
      await remove(staging(name))
    },
    list: async () =>
      (await readdir(folder))
        .filter((name) => name.endsWith(uploadEnding))
        .map((name) => name.slice(0, -uploadEnding.length)),
  }
}

type AddingOptions = {
  readonly uploads: Uploads
  readonly name: string
  readonly startSeen: () => Seen
}

/** Its file stays open from the first new byte on. */
function addingTo(path: string, { uploads, name, startSeen }: AddingOptions): Adding {
  let opened: { readonly file: FileHandle; readonly upload: Upload } | undefined
  const begin = async (received: number): Promise<{ readonly file: FileHandle; readonly upload: Upload }> => {
    const file = await writable(path, constants.O_WRONLY | constants.O_CREAT)
    const upload = uploads.get(name) ?? {
      files: new Set(),
      flush: flushing({ datasync: () => datasync(path) }),
      writtenBytes: received,
      seen: received === 0 ? startSeen() : undefined,
    }
    uploads.set(name, upload)
    upload.files.add(file)
    return { file, upload }
  }
  const close = async (): Promise<void> => {
    opened?.upload.files.delete(opened.file)
    await opened?.file.close()
    opened = undefined
  }
  return {
    async append(offset, piece) {
      if (opened !== undefined && uploads.get(name) !== opened.upload) await close()
      const received = opened?.upload.writtenBytes ?? (await sizeOf(path))
      if (offset > received) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: received })
      const fresh = piece.subarray(Math.max(0, received - offset))
      if (fresh.length === 0) return received
      opened ??= await begin(received)
      await add(opened, fresh, { path, position: received })
      return received + fresh.length
    },
    close,
  }
}

/** At its place, not at the end: a piece that is sent twice at once is written twice over itself. */
async function add(
  { file, upload }: { readonly file: FileHandle; readonly upload: Upload },
  fresh: Uint8Array,
  at: { readonly path: string; readonly position: number },
): Promise<void> {
  // Two who add at once have seen the same end of the file, and only the first one's bytes are what comes there.
  if (upload.seen?.bytes !== at.position) upload.seen = undefined
  const writing = written(file, fresh, at)
  if (upload.seen !== undefined) {
    upload.seen.hash.update(fresh)
    upload.seen.seal?.update(fresh)
    upload.seen.values.update(fresh)
    upload.seen.bytes += fresh.length
  }
  await writing.catch((error: unknown) => {
    upload.seen = undefined
    throw error
  })
  upload.flush.wrote(fresh.length)
  upload.writtenBytes = Math.max(upload.writtenBytes, at.position + fresh.length)
}

/** By a handle of its own: who adds to it, a request, is not kept waiting. */
async function datasync(path: string): Promise<void> {
  const file = await open(path, 'r+')
  await file.datasync().finally(() => file.close())
}

async function digestOf(path: string): Promise<BlobRef> {
  const hash: Hash = createHash('sha256')
  let sizeBytes = 0
  if (await exists(path)) {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Uint8Array)
      sizeBytes += (chunk as Uint8Array).length
    }
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}
