/**
 * Blobs that go when nobody needs them. Content is shared, across studies too: a blob stays for as long as a row of any study names it
 * (store/schema.ts: BlobRefRow), or somebody is at work who has written it and may yet name it. A name that is new to a study is written
 * into the store only by such work; so between the look at the rows and the deletion no row can begin to name the blob, but by work that
 * waits for the deletion, and then writes the blob again.
 */

import { asWardroundError } from '@wardround/core/errors.ts'
import type { Log } from '../context.ts'
import { sha256Of } from '../digest.ts'
import type { Store } from '../store/store.ts'
import type { BlobStore } from './blob-store.ts'
import { type GatheredBlobs, gatheringBy, type Take } from './gathered.ts'

export type KeptBlobs = Pick<BlobStore, 'has' | 'read' | 'reader' | 'stream' | 'size' | 'tidy'> & {
  readonly staged: Omit<BlobStore['staged'], 'commit'>
  /** What `work` writes stays for as long as that takes; afterwards, if a row names it. */
  hold<T>(work: (blobs: HeldBlobs) => Promise<T>): Promise<T>
  /** Deletes those that no row names. What cannot be deleted now is found again by sweep(). */
  drop(digests: Iterable<string>): Promise<void>
  /** Deletes nothing while `work` goes on. */
  freeze<T>(work: () => Promise<T>): Promise<T>
  /** Deletes all that no row names, and uploads that no open task waits for: what lives that were cut short have left. */
  sweep(): Promise<void>
}

export type HeldBlobs = BlobStore & {
  /** The same, where what is small waits in memory for the transaction that names it. What is large is durable at once. */
  gathering(): GatheredBlobs
}

type Needs = { readonly blobs: BlobStore; readonly store: Pick<Store, 'named' | 'task'>; readonly log: Log }

export function keptBlobs({ blobs, store, log }: Needs): KeptBlobs {
  const { commit, ...staged } = blobs.staged
  const { holding, remove, freeze } = holders(async (digests) => {
    const named = await store.named(digests)
    // At once: small ones then go in one commit.
    await Promise.all(digests.filter((sha256) => !named.has(sha256)).map((sha256) => blobs.delete(sha256)))
  })
  const drop = async (digests: Iterable<string>): Promise<void> => {
    const all = [...new Set(digests)]
    for (let start = 0; start < all.length; start += batch)
      await remove(all.slice(start, start + batch)).catch((error: unknown) =>
        log('warn', 'blobs that nobody needs are not deleted', { code: asWardroundError(error).code }),
      )
  }
  return {
    has: blobs.has,
    read: blobs.read,
    reader: blobs.reader,
    stream: blobs.stream,
    size: blobs.size,
    tidy: blobs.tidy,
    staged,
    async hold(work) {
      const { take, release } = holding()
      let done = false
      const held = writingBy(blobs, { take, commit })
      const gathered: (() => boolean)[] = []
      try {
        const result = await work({
          ...held,
          gathering() {
            const { isWritten, ...gathering } = gatheringBy(held, take)
            gathered.push(isWritten)
            return gathering
          },
        })
        if (!gathered.every((isWritten) => isWritten())) throw new TypeError('Blobs were gathered and never written.')
        done = true
        return result
      } finally {
        await drop(release(done))
      }
    },
    drop,
    freeze: async (work) => {
      const thaw = await freeze()
      try {
        return await work()
      } finally {
        await drop(thaw())
      }
    },
    async sweep() {
      const found: string[] = []
      for await (const sha256 of blobs.list()) {
        found.push(sha256)
        if (found.length === batch) await drop(found.splice(0))
      }
      await drop(found)
      for (const task of await blobs.staged.list())
        if ((await store.task(task))?.state !== 'open') await blobs.staged.discard(task)
    },
  }
}

/** Digests that are looked at together. */
const batch = 500

type Taking = { readonly take: Take; readonly commit: BlobStore['staged']['commit'] }

/** The same store; each blob is taken before it is written. */
const writingBy = (blobs: BlobStore, { take, commit }: Taking): BlobStore => ({
  ...blobs,
  async put(bytes, sha256 = sha256Of(bytes), within) {
    // Not in a transaction: who deletes it waits for one.
    if (within === undefined) await take(sha256)
    return blobs.put(bytes, sha256, within)
  },
  async writer() {
    const writer = await blobs.writer()
    return { ...writer, finish: () => writer.finish(({ sha256 }) => take(sha256)) }
  },
  staged: {
    ...blobs.staged,
    async commit(name, expected) {
      await take(expected.sha256)
      return commit(name, expected)
    },
  },
})

/** Who holds what; `look` deletes of blobs that nobody holds those that no row names. */
function holders(look: (digests: readonly string[]) => Promise<void>) {
  const held = new Map<string, number>()
  /** Let go of by a row while they were held. */
  const doubtful = new Set<string>()
  const leaving = new Map<string, Promise<void>>()
  let frozen = 0
  const isHeld = (sha256: string): boolean => frozen > 0 || held.has(sha256)
  const remove = async (digests: readonly string[]): Promise<void> => {
    // What another has looked at may have lost its last row since then.
    for (;;) {
      const waited = digests.flatMap((sha256) => leaving.get(sha256) ?? [])
      if (waited.length === 0) break
      await Promise.allSettled(waited)
    }
    for (const sha256 of digests) if (isHeld(sha256)) doubtful.add(sha256)
    const unheld = digests.filter((sha256) => !isHeld(sha256))
    if (unheld.length === 0) return
    const work = look(unheld).finally(() => {
      for (const sha256 of unheld) leaving.delete(sha256)
    })
    for (const sha256 of unheld) leaving.set(sha256, work)
    await work
  }
  const free = (): string[] => [...doubtful].filter((sha256) => !isHeld(sha256) && doubtful.delete(sha256))
  return {
    remove,
    holding() {
      const own = new Set<string>()
      return {
        /** From now on it stays; a deletion that has begun is waited for. */
        async take(sha256: string): Promise<void> {
          if (!own.has(sha256)) held.set(sha256, (held.get(sha256) ?? 0) + 1)
          own.add(sha256)
          await leaving.get(sha256)?.catch(() => undefined)
        },
        /** What is to be looked at now. Work that was done has named all that it wrote. */
        release(done: boolean): string[] {
          for (const sha256 of own) {
            const others = (held.get(sha256) ?? 0) - 1
            if (others > 0) held.set(sha256, others)
            else held.delete(sha256)
            if (!done) doubtful.add(sha256)
          }
          return free()
        },
      }
    },
    async freeze(): Promise<() => string[]> {
      frozen += 1
      await Promise.allSettled(leaving.values())
      return () => {
        frozen -= 1
        return free()
      }
    },
  }
}
