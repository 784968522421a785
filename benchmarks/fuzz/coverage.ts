/**
 * Which source was executed, from V8 itself (block coverage through the inspector): no instrumentation, so what is fuzzed is what runs.
 * Asking costs milliseconds, so that one asks after a batch of inputs and looks for the one that it was only where there is something new.
 */
import { type Profiler, Session } from 'node:inspector'

/** Script → a byte for each character of its source, 1 where it was executed. */
type Executed = ReadonlyMap<string, Uint8Array>

export type Coverage = {
  /** What was executed since the last call. */
  take(): Executed
  /** Characters of source in it that no input before has executed. */
  fresh(executed: Executed): number
  /** From now on they are known. */
  keep(executed: Executed): void
  /** Nothing is known any more. */
  forget(): void
  /** Characters of source that are known. */
  size(): number
  /** Nothing is taken any more; what is known stays. */
  rest(): void
  close(): void
}

/**
 * Of the scripts whose URL matches what `sources` says. A function that was compiled before this call, or comes out of a compile cache, counts as
 * a whole and not by its blocks: to be called before what is watched is imported.
 */
export function startCoverage(sources: () => RegExp): Coverage {
  const session = new Session()
  session.connect()
  const post = session.post.bind(session) as (method: string, parameters?: object) => void
  post('Profiler.enable')
  // With counts, because without them V8 tells of a function without branches only once.
  post('Profiler.startPreciseCoverage', { callCount: true, detailed: true, allowTriggeredUpdates: false })
  const known = new Map<string, Uint8Array>()
  return {
    take() {
      let taken: readonly Profiler.ScriptCoverage[] = []
      session.post('Profiler.takePreciseCoverage', (error, answer) => {
        if (error !== null) throw error
        taken = answer.result
      })
      const watched = sources()
      return new Map(taken.filter(({ url }) => watched.test(url)).map((script) => [script.url, painted(script)]))
    },
    fresh(executed) {
      let characters = 0
      for (const [url, now] of executed) {
        const before = known.get(url)
        for (let at = 0; at < now.length; at++) if (now[at] === 1 && before?.[at] !== 1) characters += 1
      }
      return characters
    },
    keep(executed) {
      for (const [url, now] of executed) {
        const before = known.get(url) ?? new Uint8Array()
        const both = new Uint8Array(Math.max(before.length, now.length))
        both.set(before)
        for (let at = 0; at < now.length; at++) if (now[at] === 1) both[at] = 1
        known.set(url, both)
      }
    },
    forget: () => known.clear(),
    size: () => known.values().reduce((sum, script) => sum + script.reduce((ones, one) => ones + one, 0), 0),
    rest: () => post('Profiler.stopPreciseCoverage'),
    close() {
      post('Profiler.stopPreciseCoverage')
      session.disconnect()
    },
  }
}

/** V8 names outer ranges before the ranges inside them: what comes later overrides. */
function painted({ functions }: Profiler.ScriptCoverage): Uint8Array {
  const ranges = functions.flatMap((one) => one.ranges)
  const executed = new Uint8Array(ranges.reduce((most, { endOffset }) => Math.max(most, endOffset), 0))
  for (const { startOffset, endOffset, count } of ranges) executed.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  return executed
}
