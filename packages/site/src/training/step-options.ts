/** Which step a training request asks for: known without the runtime. */
import { type StepOptions, stepParts } from '@wardround/core/graph/step.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'
import type { TrainRequest } from './messages.ts'

export const stepOptions = ({
  model,
  training,
  data,
  classWeights,
  proximal,
  correction,
  groups,
}: TrainRequest): StepOptions => ({
  model: shapeOf(model),
  training: {
    loss: training.loss,
    optimizer: training.optimizer,
    l2: training.l2,
    ...(training.clipGradients === undefined ? {} : { clipGradients: training.clipGradients }),
    ...(training.microbatch === undefined ? {} : { microbatch: training.microbatch }),
  },
  inputs: data.width,
  batch: Math.min(training.batch, data.rows),
  weighted: classWeights !== undefined,
  ...(proximal === undefined ? {} : { proximalMu: proximal.mu }),
  ...(correction === undefined ? {} : { corrected: true }),
  ...(training.schedule === undefined ? {} : { scheduled: true }),
  ...(groups === undefined ? {} : { groups }),
})

/** A graph does not depend on where its weights start: studies that differ in that alone share a session. */
export const shapeOf = ({ start: _, ...model }: TrainRequest['model']): TrainRequest['model'] => model

/** What is carried from one step to the next: the weights, then the optimizer's state. */
export function carriedBy(request: TrainRequest): TensorSpec[] {
  const { weights, state } = stepParts(stepOptions(request))
  return [...weights, ...state].map(({ name, shape }) => ({ name, shape }))
}
