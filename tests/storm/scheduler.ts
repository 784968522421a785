/**
 * Virtual time for everything in one process. Whoever waits, for a clock or for a line, is parked in one queue; when nobody works any more, one
 * of them is let go: the one whose time comes first, and among several of the same moment the one that the seed draws. Time passes only then.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '@wardround/core/ports.ts'
import { seededRandom } from '@wardround/core/random.ts'

type Parked = { readonly at: number; readonly tie: number; readonly label: string; go(): void }

export type Scheduler = ReturnType<typeof createScheduler>

/** When a simulation begins, by clocks that are right. */
export const startOfTime = Date.UTC(2026, 0, 1)

export type SchedulerOptions = {
  /** Turns of the event loop in which nothing was done, before everybody is taken to wait. */
  readonly quietTurns?: number | undefined
  /** Given every line of the trace. */
  readonly trace?: ((line: string) => void) | undefined
}

export function createScheduler(seed: number, { quietTurns = 2, trace = () => undefined }: SchedulerOptions = {}) {
  const random = seededRandom([seed, 'scheduler'])
  const parked = new Set<Parked>()
  const hash = createHash('sha256')
  let elapsedMs = 0
  let released = 0
  let activity = 0
  let busy = 0

  const note = (what: string): void => {
    activity += 1
    const line = `${elapsedMs} ${what}`
    trace(line)
    hash.update(`${line}\n`)
  }
  /** Resolves after so long, or at once when `signal` aborts; it never rejects. */
  const park = (label: string, delayMs: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      activity += 1
      if (signal?.aborted) return resolve()
      const own: Parked = {
        at: elapsedMs + Math.max(0, Math.round(delayMs)),
        tie: random.uint32(),
        label,
        go: () => {
          activity += 1
          parked.delete(own)
          signal?.removeEventListener('abort', own.go)
          resolve()
        },
      }
      parked.add(own)
      signal?.addEventListener('abort', own.go)
    })
  const settled = async (): Promise<void> => {
    for (let quiet = 0, seen = activity; quiet < quietTurns || busy > 0; ) {
      await turn()
      quiet = activity === seen ? quiet + 1 : 0
      seen = activity
    }
  }
  const elapsed = (): number => elapsedMs
  return {
    elapsedMs: elapsed,
    /** Into the trace: what is done, in order. */
    note,
    park,
    /** Holds everything until it has settled: what has no way to be parked. */
    async hold<T>(work: Promise<T>): Promise<T> {
      busy += 1
      return work.finally(() => {
        busy -= 1
        activity += 1
      })
    },
    /** The clock of a process that starts now: `offsetMs` is how far its machine's is off, and may change. It sleeps by a watch that nobody sets. */
    clock: (name: string, offsetMs: () => number): Clock =>
      clockOf({ elapsedMs: elapsed, offsetMs, sleep: (delayMs, signal) => park(`${name} sleeps`, delayMs, signal) }),
    /** Lets one after another go until `done`, with `look` after each. False: time was up first, or nobody waits for anything. */
    async run(done: () => boolean, { look, untilMs }: { look: () => Promise<void>; untilMs: number }) {
      for (;;) {
        await settled()
        await look()
        if (done()) return true
        const chosen = firstOf(parked)
        if (chosen === undefined || chosen.at > untilMs) return false
        elapsedMs = chosen.at
        released += 1
        note(chosen.label)
        chosen.go()
      }
    },
    waiting: () => [...parked].map(({ at, label }) => `${at} ${label}`),
    traceHash: () => hash.copy().digest('hex'),
    released: () => released,
  }
}

type Watch = Pick<Clock, 'sleep'> & { readonly elapsedMs: () => number; readonly offsetMs: () => number }

function clockOf({ elapsedMs, offsetMs, sleep }: Watch): Clock {
  const steadyMs = startOfTime + offsetMs()
  return {
    now: () => startOfTime + elapsedMs() + offsetMs(),
    steadyNow: () => steadyMs + elapsedMs(),
    sleep,
  }
}

/** Whose time comes first, and among several of the same moment whom the seed has drawn. */
function firstOf(parked: Iterable<Parked>): Parked | undefined {
  let first: Parked | undefined
  for (const one of parked)
    if (first === undefined || one.at < first.at || (one.at === first.at && one.tie < first.tie)) first = one
  return first
}

const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume))
