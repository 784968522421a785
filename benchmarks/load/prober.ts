/**
 * Calls at a steady rate, whether or not the ones before have been answered: a coordinator that stands still for a second is seen by every call
 * that was due in it. What each took is counted from when it was due, not from when it left.
 */
import type { Clock } from '@wardround/core/ports.ts'

export type Call = { readonly route: string; ask(): Promise<void> }

export type Probed = {
  readonly route: string
  /** Of those that were answered, as they came. */
  readonly latenciesMs: readonly number[]
  readonly errors: number
}

type ProberOptions = {
  readonly clock: Pick<Clock, 'sleep'>
  /** In milliseconds, with fractions. */
  readonly now: () => number
  readonly everyMs: number
  readonly signal: AbortSignal
  readonly failed?: (route: string, error: unknown) => void
}

/** Each in turn, until `signal` aborts; then those that are on their way are waited for. */
export async function probe(
  calls: readonly Call[],
  { clock, now, everyMs, signal, failed }: ProberOptions,
): Promise<Probed[]> {
  const seen = calls.map(({ route }) => ({ route, latenciesMs: [] as number[], errors: 0 }))
  const onTheWay = new Set<Promise<void>>()
  const one = async (index: number, dueMs: number): Promise<void> => {
    const [call, own] = [calls[index], seen[index]]
    if (call === undefined || own === undefined) return
    try {
      await call.ask()
      own.latenciesMs.push(now() - dueMs)
    } catch (error) {
      own.errors += 1
      failed?.(call.route, error)
    }
  }
  const startMs = now()
  for (let turn = 0; !signal.aborted; turn++) {
    const dueMs = startMs + turn * everyMs
    const earlyMs = dueMs - now()
    // Those that are late already leave at once.
    if (earlyMs > 0) await clock.sleep(earlyMs, signal)
    if (signal.aborted) break
    const sent = one(turn % calls.length, dueMs).finally(() => onTheWay.delete(sent))
    onTheWay.add(sent)
  }
  await Promise.all(onTheWay)
  return seen
}
