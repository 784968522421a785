/** The only way out: policy first, then the journal, then the network. */
import { WardroundError } from '@wardround/core/errors.ts'
import { egressWords } from '@wardround/core/words/en/site.ts'
import type { ClientOptions } from '../client.ts'
import type { Journal } from '../journal.ts'
import type { ReleasedResult } from '../progress.ts'
import { judgeRelease, type Policy, type Release } from './policy.ts'

/** Under which plan something leaves; empty where it belongs to none (joining, leaving). */
export type Errand = {
  readonly to: string
  readonly study: string
  readonly planHash: string
  readonly result?: ReleasedResult
}

/** Writes every body into the journal before its first byte leaves. Without the entry there is no sending. */
export const journalled =
  (journal: Journal, errand: Errand): NonNullable<ClientOptions['onSend']> =>
  ({ name, method, path, body, sha256 }) =>
    journal.write('released', { what: name, method, path, sizeBytes: body.length, sha256, ...errand })

/** Errors: WR_EGRESS_REFUSED, WR_COHORT_TOO_SMALL, WR_WEIGHTS_NOT_FINITE. */
export function requireAllowed(release: Release, policy: Policy, studyMinimum: number): void {
  const refusal = judgeRelease(release, policy, studyMinimum)
  if (refusal === undefined) return
  if (refusal.reason === 'cohort')
    throw new WardroundError('WR_COHORT_TOO_SMALL', { minimum: Math.max(policy.minimumCohort, studyMinimum) })
  if (refusal.reason === 'notFinite') throw new WardroundError('WR_WEIGHTS_NOT_FINITE', { tensor: release.kind })
  throw new WardroundError('WR_EGRESS_REFUSED', {
    release: release.kind,
    reason: egressWords[refusal.reason](release.study),
  })
}
