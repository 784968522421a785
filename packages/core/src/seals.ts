/** Which blobs a process knows again by their seals (seal.ts): names, each with the seal of the very bytes that were held against it. */
import type { Sealing } from './seal.ts'

/** Sees all bytes of a blob, from front to back, and then knows whether they are the ones that it should have. */
export type Proof = { update(bytes: Uint8Array): void; holds(): boolean }

export type Seals = ReturnType<typeof createSeals>

export function createSeals(sealing: Sealing) {
  const kept = new Map<string, string>()
  return {
    start: sealing,
    keep: (sha256: string, sealed: string): void => void kept.set(sha256, sealed),
    forget: (sha256: string): void => void kept.delete(sha256),
    /** undefined where no seal is known: then a blob is held against its name. One that does not hold is forgotten: the seal may be what is wrong. */
    proof(sha256: string): Proof | undefined {
      const sealed = kept.get(sha256)
      if (sealed === undefined) return undefined
      const seal = sealing()
      return {
        update: seal.update,
        holds() {
          const holds = seal.digest() === sealed
          if (!holds) kept.delete(sha256)
          return holds
        },
      }
    },
  }
}
