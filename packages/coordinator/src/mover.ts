/** Moves studies on, one call a study at a time, and again when a deadline passes. */
import { asWardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import type { Log } from './context.ts'

/** After an error a study is tried again: a store that was out of reach comes back, and no site need call. */
const retryMs = 10_000

type MoverOptions = { readonly clock: Clock; readonly closing: AbortSignal; readonly log: Log }

export type Mover = {
  /** Soon, once, however often it is asked. */
  advance(study: string): void
  /** Resolves when nothing is being moved on. */
  idle(): Promise<void>
  /** Resolves when those have been moved on that are being moved on now. */
  turn(): Promise<void>
}

export function createMover(
  move: (id: string) => Promise<void>,
  deadlineOf: (id: string) => Promise<number | undefined>,
  { clock, closing, log }: MoverOptions,
): Mover {
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const timers = new Map<string, AbortController>()
  const advance = (id: string): void => {
    if (closing.aborted) return
    if (running.has(id)) {
      again.add(id)
      return
    }
    const work = attempt(id).finally(() => {
      running.delete(id)
      if (again.delete(id)) advance(id)
    })
    running.set(id, work)
  }
  const attempt = async (id: string): Promise<void> => {
    try {
      await move(id)
      await schedule(id)
    } catch (error) {
      const { code, message, stack } = asWardroundError(error)
      log('error', 'a study does not move on', {
        study: id,
        code,
        message,
        stack,
        cause: error instanceof Error ? error.stack : undefined,
      })
      wakeAt(id, clock.steadyNow() + retryMs)
    }
  }
  const schedule = async (id: string): Promise<void> => {
    const deadline = await deadlineOf(id)
    timers.get(id)?.abort()
    timers.delete(id)
    if (deadline !== undefined) wakeAt(id, deadline)
  }
  const wakeAt = (id: string, at: number): void => {
    if (closing.aborted) return
    timers.get(id)?.abort()
    const timer = new AbortController()
    timers.set(id, timer)
    void clock
      .sleep(Math.max(0, at - clock.steadyNow()), AbortSignal.any([timer.signal, closing]))
      .then(() => !timer.signal.aborted && advance(id))
  }
  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running.values())
  }
  const turn = async (): Promise<void> => void (await Promise.all(running.values()))
  return { advance, idle, turn }
}
