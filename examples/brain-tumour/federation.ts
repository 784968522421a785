/** Four clinics, of a split and a partition. */
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { type Bed, type Federated, inOneProcess } from '../shared/federation.ts'
import type { Splitting } from './partition.ts'
import { type Data, writeSites } from './prepare.ts'

export const runStudy = (
  study: Study,
  { images, folder, form, pooled, ...splitting }: Splitting & Data & Pick<Federated, 'pooled'>,
  bed: Bed,
): Promise<Results> => {
  const { seed } = splitting
  return inOneProcess(
    study,
    { seed, pooled, writeSites: (to) => writeSites({ images, folder, form }, to, splitting) },
    bed,
  )
}
