/** Time that passes only when a test says so. */
import type { Clock } from '@wardround/core/ports.ts'

export type TestClock = Clock & {
  /** Lets so much time pass, and wakes who slept until then. */
  pass(ms: number): Promise<void>
  /** Sets what people read off it, as an administrator does, or a time server. */
  set(byMs: number): void
  /** When those who sleep will wake, soonest first. */
  readonly alarms: () => number[]
}

export const startOfTime = Date.UTC(2026, 0, 1)

export function testClock(): TestClock {
  let now = startOfTime
  let setMs = 0
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  return {
    now: () => now + setMs,
    steadyNow: () => now,
    set: (byMs) => {
      setMs += byMs
    },
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          until: now + delayMs,
          wake: () => {
            sleepers.delete(sleeper)
            resolve()
          },
        }
        if (signal?.aborted) return resolve()
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      }),
    alarms: () => [...sleepers].map(({ until }) => until).toSorted((a, b) => a - b),
    async pass(ms) {
      now += ms
      for (const { until, wake } of [...sleepers].toSorted((a, b) => a.until - b.until)) if (until <= now) wake()
      await turn()
    },
  }
}

/** Waits until so many sleep. */
export async function asleep(clock: TestClock, sleepers: number): Promise<void> {
  while (clock.alarms().length < sleepers) await turn()
}

/** Lets everything go on that waits for nothing from outside. */
export const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume))

/** The same clock, so much later. */
export const later = (clock: TestClock, ms: number): TestClock => ({
  ...clock,
  now: () => clock.now() + ms,
  steadyNow: () => clock.steadyNow() + ms,
})
