/** The real world, for whoever starts a process: main.ts, and benchmarks. */
import crypto, { type KeyObject } from 'node:crypto'
import { ed25519By } from '@wardround/core/ed25519.ts'
import type { Clock, Entropy, SiteWorld } from '@wardround/core/ports.ts'
import { realDisk } from '@wardround/site/real-disk.ts'

/** Timers hold at most 2^31 − 1 ms; whoever waits longer wakes up and looks again. */
const longestMs = 2 ** 31 - 1

const startedAt = Date.now() - performance.now()

const clock: Clock = {
  now: () => Date.now(),
  steadyNow: () => Math.round(startedAt + performance.now()),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(delayMs, longestMs))
      signal?.addEventListener('abort', end)
    }),
}

const entropy: Entropy = (sizeBytes) => crypto.randomBytes(sizeBytes)

export const realWorld: SiteWorld = { clock, entropy, ed25519: ed25519By<KeyObject>(crypto), disk: realDisk() }
