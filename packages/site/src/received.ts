/**
 * Blobs in files of this site, for all of its tasks: each is received once, and stays as long as it is among the last that were asked for, or a task that has asked for it is at work.
 */
import { join } from 'node:path'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { sealing } from '@wardround/core/seal.ts'
import { createSeals, type Seals } from '@wardround/core/seals.ts'
import type { SiteContext } from './context.ts'
import { guarded, remove } from './files.ts'

/** Where a file is to be received to; what makes it known by its seal afterwards, where there is one. */
export type Receive = (path: string, seals: Seals | undefined) => Promise<string | undefined>

export type ReceivedFile = {
  readonly path: string
  /** Received just now. */
  readonly isNew: boolean
  readonly seals: Seals | undefined
}

export type ReceivedFiles = { readonly file: (ref: BlobRef, receive: Receive) => Promise<ReceivedFile> }

/** Of each study: the weights that a round measures are those that the next one trains, and with them may come what corrects its gradients. */
const filesOfStudy = 2

export function receivedFiles(
  { disk, folder, patience }: Pick<SiteContext, 'disk' | 'folder' | 'patience'>,
  studies = 1,
): ReceivedFiles & { forTask(): ReceivedFiles & { over(): void } } {
  const all = join(folder, 'received')
  const most = filesOfStudy * studies
  /** The last one is the last. */
  let recent: readonly string[] = []
  const tasks = new Set<Set<string>>()
  const coming = new Map<string, Promise<unknown>>()
  /** Its key is long, and small blobs need none. null: not asked for yet. */
  let known: Seals | undefined | null = null
  const seals = (): Seals | undefined => {
    if (known !== null) return known
    const start = sealing(patience.entropy)
    known = start && createSeals(start)
    return known
  }
  const makeRoom = (sha256: string): void => {
    const others = recent.filter((name) => name !== sha256).slice(1 - most)
    const kept = new Set([...others, ...[...tasks].flatMap((names) => [...names])])
    kept.delete(sha256)
    for (const name of disk.list(all).filter((name) => !kept.has(name.replace(/\.new$/, '')))) {
      remove(disk, join(all, name))
      seals()?.forget(name)
    }
  }
  const receivedTo = async (path: string, { sha256 }: BlobRef, receive: Receive): Promise<void> => {
    makeRoom(sha256)
    const unfinished = `${path}.new`
    const seal = await receive(unfinished, seals())
    guarded(path, () => disk.rename(unfinished, path))
    if (seal !== undefined) seals()?.keep(sha256, seal)
  }
  /** Errors: those of `receive`, WR_DISK. */
  const file = async (ref: BlobRef, receive: Receive): Promise<ReceivedFile> => {
    const { sha256, sizeBytes } = ref
    const path = join(all, sha256)
    // Of two tasks that start from the same weights one has them from the other.
    for (let other = coming.get(sha256); other !== undefined; other = coming.get(sha256))
      await other.catch(() => undefined)
    const isNew = disk.sizeBytes(path) !== sizeBytes
    if (isNew) {
      const work = receivedTo(path, ref, receive).finally(() => coming.delete(sha256))
      coming.set(sha256, work)
      await work
    }
    recent = [...recent.filter((name) => name !== sha256), sha256].slice(-most)
    return { path, isNew, seals: seals() }
  }
  return {
    file,
    /** For one task, until it is over. */
    forTask() {
      const own = new Set<string>()
      tasks.add(own)
      return {
        file(ref: BlobRef, receive: Receive): Promise<ReceivedFile> {
          own.add(ref.sha256)
          return file(ref, receive)
        },
        over: (): void => void tasks.delete(own),
      }
    },
  }
}
