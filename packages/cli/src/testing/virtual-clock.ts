/** Time that stands still while anybody works, and jumps to the next alarm when everybody sleeps. */
import type { Clock } from '@wardround/core/ports.ts'

type Sleeper = { readonly wakesAt: number; wake(): void }

/** `everybody`: as many sleep when nobody works. */
export function virtualClock(everybody: number): Clock {
  let now = Date.UTC(2026, 0, 1)
  const sleepers = new Set<Sleeper>()
  const jump = (): void => {
    if (sleepers.size < everybody) return
    now = Math.max(now, Math.min(...[...sleepers].map(({ wakesAt }) => wakesAt)))
    for (const sleeper of [...sleepers]) if (sleeper.wakesAt <= now) sleeper.wake()
  }
  return {
    now: () => now,
    steadyNow: () => now,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const sleeper: Sleeper = {
          wakesAt: now + delayMs,
          wake: () => {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        if (signal?.aborted) return resolve()
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
        // Whoever was about to do something does it first.
        setImmediate(() => setImmediate(jump))
      }),
  }
}
