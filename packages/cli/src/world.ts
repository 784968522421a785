/** The real clock and randomness, for whoever starts a process: main.ts, and benchmarks. */
import { randomBytes } from 'node:crypto'
import type { Clock, Entropy } from '@wardround/core/ports.ts'

/** Timers hold at most 2^31 − 1 ms; whoever waits longer wakes up and looks again. */
const longestMs = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => Date.now(),
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

export const realEntropy: Entropy = (sizeBytes) => randomBytes(sizeBytes)
