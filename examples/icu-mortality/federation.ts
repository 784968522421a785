/** The federation of a split, with the pooled model beside it. */
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { type Bed, inOneProcess } from '../shared/federation.ts'
import { type Splitting, writeSites } from './prepare.ts'
import type { Stay } from './stays.ts'

export const runStudy = (
  study: Study,
  { stays, ...splitting }: Splitting & { readonly stays: readonly Stay[] },
  bed: Bed,
): Promise<Results> => {
  const { seed } = splitting
  return inOneProcess(study, { seed, pooled: true, writeSites: (to) => writeSites(stays, to, splitting) }, bed)
}
