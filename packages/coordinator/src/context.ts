/** What every part of the coordinator works with; nothing here is global. */
import type { World } from '@wardround/core/ports.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import type { KeptBlobs } from './blobs/kept.ts'
import type { Damage } from './mending.ts'
import type { Notifier } from './notifier.ts'
import type { Store } from './store/store.ts'

/** A structured log line; never a secret, never a row's value. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void

export type Context = World & {
  readonly store: Store
  readonly blobs: KeptBlobs
  readonly damage: Damage
  readonly keys: KeyPair
  /** When this process began, by its steady clock. */
  readonly startedAt: number
  readonly notifier: Notifier
  readonly log: Log
  /** Site → bytes sent to it since its last result; they are counted with its next one. */
  readonly bytesDown: Map<string, number>
  /** Tries to move a study on; soon, once, however often it is asked. */
  readonly advance: (study: string) => void
}
