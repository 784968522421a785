/** The weights that a study starts from: a matter of its plan and its preparation alone. */
import { initialWeights, splitSpecs } from '@wardround/core/graph/layers.ts'
import { inputWidth, preparationSchema } from '@wardround/core/preparation/schema.ts'
import { seededRandom } from '@wardround/core/random.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { studyOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'

/** Shared ones only. */
export function firstWeights({ plan, preparation }: Pick<StudyRow, 'plan' | 'preparation'>): Weights {
  const study = studyOf({ plan })
  const width = inputWidth(preparationSchema.parse(JSON.parse(preparation ?? 'null')))
  const shared = new Set(splitSpecs(study.model, width).shared.map(({ name }) => name))
  return initialWeights(study.model, width, seededRandom([study.seed, 'weights'])).filter(({ name }) =>
    shared.has(name),
  )
}
