/** Rows for tests of the store, each valid as it stands. */
import {
  type DecisionRow,
  freshStudy,
  type RoundRow,
  type SiteRow,
  type StudyRow,
  type TaskRow,
} from '../store/schema.ts'

export const siteRow = (name: string, change: Partial<SiteRow> = {}): SiteRow => ({
  name,
  public_key: `key of ${name}`,
  state: 'joined',
  version: '0.1.0',
  joined_at: '2026-01-01T00:00:00.000Z',
  ...change,
})

export const studyRow = (id: string, change: Partial<StudyRow> = {}): StudyRow => ({
  id,
  name: 'small',
  plan: '{"wardround":1}',
  plan_hash: 'a'.repeat(64),
  offer_signature: 'signed',
  published_at: '2026-01-01T00:00:00.000Z',
  ...freshStudy,
  ...change,
})

export const decisionRow = (study: string, site: string, change: Partial<DecisionRow> = {}): DecisionRow => ({
  study,
  site,
  decision: 'approved',
  reason: null,
  grant: '{}',
  signature: 'signed',
  ...change,
})

export const roundRow = (study: string, number: number, change: Partial<RoundRow> = {}): RoundRow => ({
  study,
  number,
  phase: 'recruiting',
  cohort: '[]',
  weights_in: '{}',
  weights_out: null,
  strategy_state: null,
  deadline_at: null,
  started_at: 0,
  ended_at: null,
  value: null,
  result: null,
  ...change,
})

export const taskRow = (id: string, site: string, change: Partial<TaskRow> = {}): TaskRow => ({
  id,
  study: 'heart',
  kind: 'train',
  round: 1,
  site,
  state: 'open',
  document: '{}',
  signature: 'signed',
  result: null,
  issued_at: 0,
  settled_at: null,
  counted_in: null,
  bytes_up: 0,
  bytes_down: 0,
  ...change,
})
