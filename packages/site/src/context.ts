/** What every part of a site works with. */

import type { SiteWorld } from '@wardround/core/ports.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import type { ApprovedPlan } from './approvals.ts'
import type { BlobFetcher } from './blob.ts'
import type { Client, Patience } from './client.ts'
import type { SiteConfig } from './config.ts'
import type { DatasetCache } from './dataset.ts'
import type { Errand } from './egress/release.ts'
import type { Membership } from './identity.ts'
import type { Jobs } from './jobs.ts'
import type { Journal } from './journal.ts'
import type { Outbox } from './outbox.ts'
import type { ProgressReader } from './progress.ts'
import type { Trainer } from './training/trainer.ts'

/** For people at this hospital; never a row's value. */
export type SiteLog = (level: 'info' | 'warn' | 'error', message: string, cause?: unknown) => void

export type SiteContext = SiteWorld & {
  readonly folder: string
  /** Of this program. */
  readonly version: string
  readonly membership: Membership
  readonly keys: KeyPair
  readonly client: Client
  readonly fetchBlob: BlobFetcher
  readonly approvedPlan: ApprovedPlan
  readonly journal: Journal
  readonly progress: ProgressReader
  readonly outbox: Outbox
  readonly dataset: DatasetCache
  readonly pieceBytes: number | undefined
  readonly config: SiteConfig
  readonly trainer: Trainer
  readonly log: SiteLog
  readonly signal: AbortSignal | undefined
  /** Says under which plan the next bodies leave, and as which task's result, for the journal. */
  readonly errand: (errand: Omit<Errand, 'to'>) => void
  readonly patience: Patience
  /** What this site is at work on. */
  readonly jobs: Jobs
}
