/** The coordinator's tables, alike in SQLite and PostgreSQL. Times are ISO text, documents JSON text, moments milliseconds. */
import type { StudyState } from '@wardround/core/protocol/summaries.ts'
import type { TaskKind } from '@wardround/core/protocol/task.ts'

export type SiteRow = {
  name: string
  public_key: string
  state: 'joined' | 'left'
  version: string
  joined_at: string
}

export type TokenRow = { secret_sha256: string; site: string; expires_at: number; used_at: number | null }

export type AccountRow = { name: string; secret_sha256: string }

export type StudyRow = {
  id: string
  name: string
  plan: string
  plan_hash: string
  offer_signature: string
  state: StudyState
  /** Sites named at start, JSON; null: every site that approves. */
  invited: string | null
  /** How often preparation was started. */
  attempt: number
  preparation: string | null
  preparation_hash: string | null
  /** Site → findings, JSON. */
  findings: string
  best_round: number
  stop_requested: number
  outcome: string | null
  stopped_because: string | null
  published_at: string
  started_at: number | null
  ended_at: number | null
  results: string | null
}

/** A study when it is published: all that will become of it is open. */
export const freshStudy = {
  state: 'published',
  invited: null,
  attempt: 0,
  preparation: null,
  preparation_hash: null,
  findings: '{}',
  best_round: 0,
  stop_requested: 0,
  outcome: null,
  stopped_because: null,
  started_at: null,
  ended_at: null,
  results: null,
} as const satisfies Partial<StudyRow>

export type DecisionRow = {
  study: string
  site: string
  decision: 'approved' | 'refused'
  reason: string | null
  grant: string
  signature: string
}

export type RoundPhase = 'recruiting' | 'collecting' | 'aggregating' | 'evaluating' | 'completed' | 'abandoned'

export type RoundRow = {
  study: string
  number: number
  phase: RoundPhase
  /** Sites that were asked, JSON. */
  cohort: string
  /** BlobRef of the weights the round starts from, JSON. */
  weights_in: string
  weights_out: string | null
  /** Name → BlobRef of the strategy's state after the round, JSON. */
  strategy_state: string | null
  deadline_at: number | null
  started_at: number
  ended_at: number | null
  /** The stop metric after the round; null where hidden. */
  value: number | null
  /** RoundResult, JSON; null until the round has ended. */
  result: string | null
}

export type TaskState = 'open' | 'reported' | 'failed' | 'late'

export type TaskRow = {
  id: string
  study: string
  kind: TaskKind
  round: number
  site: string
  state: TaskState
  document: string
  signature: string
  /** TaskResult, JSON. */
  result: string | null
  issued_at: number
  settled_at: number | null
  /** The round in which a train task's update counted; null: in none so far. Written once: an update counts once. */
  counted_in: number | null
  /** What its site sent for it, and was sent since its last result. */
  bytes_up: number
  bytes_down: number
}

/** A blob that a study needs: for as long as there is such a row, it stays (blobs/kept.ts). Which those are, ../needed.ts says. */
export type BlobRefRow = { study: string; sha256: string; size_bytes: number }

/** As a task is kept: its document is a form, filled in (forms.ts). */
export type TaskRecord = Omit<TaskRow, 'document'> & { form: string }

/** A task and the form of its document: of the same form are those that say the same, but for whom. */
export type FormedTask = TaskRow & TaskRecord

export type FormRow = { sha256: string; text: string }

export type EventRow = { sequence: number; at: string; study: string | null; kind: string; payload: string }

export type AuditRow = { sequence: number; at: string; kind: string; body: string; previous: string; hash: string }

/** A study that is from another coordinator: whose key signed it, when, and the digest of the file. */
export type ImportRow = { study: string; coordinator_key: string; made_at: string; sha256: string }

/** A small blob, by its content (blobs/small.ts). */
export type BlobRow = { sha256: string; bytes: Uint8Array }

/** A value of the coordinator itself: its schema version. */
export type MetaRow = { key: string; value: string }

export type Database = {
  sites: SiteRow
  tokens: TokenRow
  accounts: AccountRow
  studies: StudyRow
  decisions: DecisionRow
  rounds: RoundRow
  tasks: TaskRecord
  forms: FormRow
  events: EventRow
  audit: AuditRow
  blob_refs: BlobRefRow
  imports: ImportRow
  blobs: BlobRow
  meta: MetaRow
}
