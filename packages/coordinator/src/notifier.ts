/** Wakes those who wait for a topic. It carries nothing: whoever wakes reads the store. */
import type { Clock } from '@wardround/core/ports.ts'

export type Notifier = {
  wake(topic: string): void
  /** In this order, a few at a time: a thousand sites that are answered in one go let nobody else in until the last of them is. */
  wakeInTurn(topics: readonly string[]): void
  /**
   * Looks until there is something to see, again at each wake of `topic`, for at most `waitMs` or until `signal` aborts: then undefined. A wake
   * that comes while it looks is not lost.
   */
  until<T>(
    topic: string,
    look: () => Promise<T | undefined>,
    limits: { readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<T | undefined>
}

/** Given as the reason, so that none is made: an exception for each of a thousand sites that are woken costs more than waking them. */
const waking = 'woken'

/** Of those that are woken in turn: so many, and then what has come meanwhile. */
const atOnce = 8
const betweenMs = 1

export function createNotifier(clock: Clock): Notifier {
  const listening = new Map<string, Set<AbortController>>()
  const listen = (topic: string): AbortController => {
    const woken = new AbortController()
    listening.set(topic, (listening.get(topic) ?? new Set()).add(woken))
    return woken
  }
  const forget = (topic: string, woken: AbortController): void => {
    const others = listening.get(topic)
    others?.delete(woken)
    if (others?.size === 0) listening.delete(topic)
  }
  const wake = (topic: string): void => {
    for (const woken of listening.get(topic) ?? []) woken.abort(waking)
  }
  return {
    wake,
    wakeInTurn(topics) {
      const from = (start: number): void => {
        for (const topic of topics.slice(start, start + atOnce)) wake(topic)
        if (start + atOnce < topics.length) void clock.sleep(betweenMs).then(() => from(start + atOnce))
      }
      from(0)
    },
    async until(topic, look, { waitMs, signal }) {
      const deadline = clock.steadyNow() + waitMs
      for (;;) {
        // Before looking: the store may answer with what it was a moment ago.
        const woken = listen(topic)
        // By hand: a signal made of two costs several times as much, and each of a thousand who wait needs one.
        const leave = (): void => woken.abort(waking)
        signal.addEventListener('abort', leave)
        try {
          const found = await look()
          const leftMs = deadline - clock.steadyNow()
          if (found !== undefined || leftMs <= 0 || signal.aborted) return found
          await clock.sleep(leftMs, woken.signal)
        } finally {
          signal.removeEventListener('abort', leave)
          forget(topic, woken)
        }
      }
    },
  }
}
