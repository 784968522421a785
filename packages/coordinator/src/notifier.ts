/** Wakes those who wait for a topic. It carries nothing: whoever wakes reads the store. */
import type { Clock } from '@wardround/core/ports.ts'

export type Notifier = {
  wake(topic: string): void
  /** Resolves at the next wake of `topic`, after `timeoutMs`, or when `signal` aborts. */
  wait(topic: string, timeoutMs: number, signal?: AbortSignal): Promise<void>
}

export function createNotifier(clock: Clock): Notifier {
  const waiting = new Map<string, Set<() => void>>()
  return {
    wake(topic) {
      for (const resolve of waiting.get(topic) ?? []) resolve()
      waiting.delete(topic)
    },
    async wait(topic, timeoutMs, signal) {
      const awake = new AbortController()
      const abort = (): void => awake.abort()
      signal?.addEventListener('abort', abort, { once: true })
      const own = waiting.get(topic) ?? new Set()
      waiting.set(topic, own.add(abort))
      if (!signal?.aborted) await clock.sleep(timeoutMs, awake.signal)
      own.delete(abort)
      signal?.removeEventListener('abort', abort)
    },
  }
}
