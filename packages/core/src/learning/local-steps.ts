/** How much a site trains in a round. */
import type { TrainingSpec } from '../study/model.ts'

/** Steps that the plan asks for at a site of so many training records: as many as it says, or epochs · ⌈records / batch⌉. */
export const plannedSteps = (
  { batch, epochs = 1, steps }: Pick<TrainingSpec, 'batch' | 'epochs' | 'steps'>,
  numExamples: number,
): number => steps ?? epochs * Math.ceil(numExamples / batch)
