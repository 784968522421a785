/**
 * When a round has collected enough, and what late updates are worth. Synchronous rounds wait for everybody, or for their deadline, and drop
 * what comes later. FedBuff (Nguyen et al. 2022, "Federated Learning with Buffered Asynchronous Aggregation", Algorithm 1) waits
 * for K updates, whoever they are from and whichever round they started in.
 */
import type { Staleness } from '../study/staleness.ts'
import type { Study } from '../study/study.ts'

export type Collecting = {
  /** Updates that a round waits for; undefined: those of all. */
  readonly goal: number | undefined
  /** undefined: what is late is dropped. */
  readonly staleness: Staleness | undefined
}

export function collectingOf({ strategy, rounds }: Pick<Study, 'strategy' | 'rounds'>): Collecting {
  if ('fedBuff' in strategy) return { goal: strategy.fedBuff.buffer, staleness: strategy.fedBuff.staleness }
  return { goal: undefined, staleness: rounds.late }
}

/** Rounds that an update may be late and still count. */
export const latestOf = ({ staleness }: Collecting): number => staleness?.maximum ?? 0

/** What an update of `stale` rounds ago is multiplied by: (1 + s)^−a (Xie et al. 2019, section 5.2, "polynomial"; FedBuff has a = 1/2). */
export const stalenessFactor = ({ staleness }: Collecting, stale: number): number =>
  stale === 0 || staleness === undefined ? 1 : (1 + stale) ** -staleness.exponent
