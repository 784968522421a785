/** The hospital's own rules for what may leave. They run last, and a study can only be stricter. */
import { firstNotFinite } from '@wardround/core/vector.ts'

export const releaseKinds = ['statistics', 'updates', 'evaluations'] as const
export type ReleaseKind = (typeof releaseKinds)[number]

export type Policy = {
  /** Nothing about fewer patients than this. */
  readonly minimumCohort: number
  readonly releases: readonly ReleaseKind[]
  readonly maximumRounds?: number | undefined
  /** Names of studies that may run here; absent: any that is approved. */
  readonly studies?: readonly string[] | undefined
}

export type Release = {
  readonly kind: ReleaseKind
  readonly study: string
  readonly round: number
  /** Patients that it is about; null where it says nothing about any. */
  readonly patients: number | null
  /** Weights, where it holds some. */
  readonly values?: readonly Float32Array[]
}

export type Refusal = { readonly reason: 'kind' | 'study' | 'cohort' | 'rounds' | 'notFinite' }

/** undefined: it may leave. `studyMinimum` is the study's own minimum cohort; the larger one counts. */
export function judgeRelease(release: Release, policy: Policy, studyMinimum: number): Refusal | undefined {
  if (!policy.releases.includes(release.kind)) return { reason: 'kind' }
  if (policy.studies !== undefined && !policy.studies.includes(release.study)) return { reason: 'study' }
  if (release.patients !== null && release.patients < minimumCohortOf(policy, studyMinimum)) return { reason: 'cohort' }
  if (policy.maximumRounds !== undefined && release.round > policy.maximumRounds) return { reason: 'rounds' }
  if (release.values?.some((values) => firstNotFinite(values) >= 0)) return { reason: 'notFinite' }
  return undefined
}

export const minimumCohortOf = (policy: Policy, studyMinimum: number): number =>
  Math.max(policy.minimumCohort, studyMinimum)
