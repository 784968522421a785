/** Blobs in memory as a folder keeps them through a power cut: what has a name stays, uploads that were on their way are torn. */
import type { BlobStore } from '@wardround/coordinator/blobs/blob-store.ts'
import { memoryBlobs } from '@wardround/coordinator/blobs/memory.ts'
import type { Random } from '@wardround/core/random.ts'
import type { Tally } from './tally.ts'
import { newInode, tear } from './tear.ts'

export type CrashBlobs = { readonly blobs: BlobStore; powerCut(): Promise<void> }

export function crashBlobs(random: Random, tally: Pick<Tally, 'count'>): CrashBlobs {
  const blobs = memoryBlobs()
  const { staged } = blobs
  /** What has been staged under each name, as it was received. */
  const received = new Map<string, Uint8Array>()
  return {
    blobs: {
      ...blobs,
      staged: {
        ...staged,
        async open(name) {
          const { append, close } = await staged.open(name)
          return {
            async append(offset, piece) {
              const length = await append(offset, piece)
              const before = received.get(name) ?? new Uint8Array()
              const fresh = piece.subarray(Math.max(0, before.length - offset))
              received.set(name, Uint8Array.from(Buffer.concat([before, fresh])))
              return length
            },
            close,
          }
        },
        async commit(name, expected) {
          received.delete(name)
          return staged.commit(name, expected)
        },
        async discard(name) {
          received.delete(name)
          await staged.discard(name)
        },
      },
    },
    async powerCut() {
      for (const [name, seen] of [...received].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const left = tear(newInode(seen), random, { count: () => undefined })
        if (left !== seen) tally.count('uploadTorn')
        received.delete(name)
        await staged.discard(name)
        if (left.length > 0) received.set(name, left)
        if (left.length > 0) await (await staged.open(name)).append(0, left)
      }
    },
  }
}
