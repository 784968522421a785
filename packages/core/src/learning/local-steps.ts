/** How much a site trains in a round. */
import type { TrainingSpec } from '../study/model.ts'

/** Steps that the plan asks for at a site of so many training records: epochs · ⌈records / batch⌉. */
export const plannedSteps = ({ batch, epochs }: Pick<TrainingSpec, 'batch' | 'epochs'>, numExamples: number): number =>
  epochs * Math.ceil(numExamples / batch)
