/** The signed offer of a study: rebuilt from its row, so that its text is always the one that was signed. */
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { StudyRow } from './store/schema.ts'

export const offerDocument = ({ id, plan_hash, plan }: Pick<StudyRow, 'id' | 'plan_hash' | 'plan'>): string =>
  canonicalJson({ version: 1, study: id, planHash: plan_hash, plan: JSON.parse(plan) })
