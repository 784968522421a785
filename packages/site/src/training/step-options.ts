/** Which step a training request asks for: known without the runtime. */
import { type StepOptions, stepParts } from '@wardround/core/graph/step.ts'
import { inputsIn } from '@wardround/core/preparation/inputs.ts'
import type { ModelSpec } from '@wardround/core/study/model.ts'
import { withoutStart } from '@wardround/core/study/model-forms.ts'
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
    ...(training.augment === undefined ? {} : { augment: training.augment }),
  },
  inputs: inputsIn(data),
  ...(data.pixelScale === undefined ? {} : { pixels: true }),
  batch: Math.min(training.batch, data.rows),
  weighted: classWeights !== undefined,
  ...(proximal === undefined ? {} : { proximalMu: proximal.mu }),
  ...(correction === undefined ? {} : { corrected: true }),
  ...(training.schedule === undefined ? {} : { scheduled: true }),
  ...(groups === undefined ? {} : { groups }),
})

/** A graph does not depend on where its weights start: studies that differ in that alone share a session. */
export const shapeOf: (model: ModelSpec) => ModelSpec = withoutStart

/** What is carried from one step to the next: the weights, then the optimizer's state. */
export function carriedBy(request: TrainRequest): TensorSpec[] {
  const { weights, state } = stepParts(stepOptions(request))
  return [...weights, ...state].map(({ name, shape }) => ({ name, shape }))
}
