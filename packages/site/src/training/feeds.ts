/** What a training request gives to a graph. */
import type { StepOptions } from '@wardround/core/graph/step.ts'
import { type ModelSpec, withoutStart } from '@wardround/core/study/model.ts'
import { sizeOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import type { TrainRequest } from './messages.ts'
import { floats, integers } from './session.ts'

export type Feeds = Readonly<Record<string, Tensor>>

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
export const shapeOf: (model: ModelSpec) => ModelSpec = withoutStart

/** The same for every step. */
export const outerFeeds = (request: TrainRequest): Feeds => ({
  ...dataFeeds(request),
  ...anchorFeeds(request),
  ...correctionFeeds(request),
})

function dataFeeds({ data, classWeights }: TrainRequest): Feeds {
  const weight = classWeights && Float32Array.from(data.target, (label) => classWeights[label] ?? 1)
  return {
    features: floats(data.features, [data.rows, data.width]),
    target: floats(data.target, [data.rows, 1]),
    ...(weight === undefined ? {} : { weight: floats(weight, [data.rows, 1]) }),
    ...(data.group === undefined ? {} : { group: integers(data.group, [data.rows]) }),
  }
}

const anchorFeeds = ({ model, proximal }: TrainRequest): Feeds =>
  Object.fromEntries(
    (proximal?.anchor ?? [])
      .filter(({ name }) => !model.personal.includes(name))
      .map(({ name, shape, data }) => [`anchor/${name}`, floats(data, shape)]),
  )

const correctionFeeds = ({ correction = [] }: TrainRequest): Feeds =>
  Object.fromEntries(correction.map(({ name, shape, data }) => [`correction/${name}`, floats(data, shape)]))

export const weightFeeds = (weights: Weights): Feeds =>
  Object.fromEntries(weights.map(({ name, shape, data }) => [name, floats(data, shape)]))

/** The optimizer starts afresh in each call: in federated averaging a client keeps no moments between rounds. */
export const firstState = (state: readonly (TensorSpec & { readonly initial: number })[]): Feeds =>
  Object.fromEntries(
    state.map(({ name, shape, initial }) => [name, floats(new Float32Array(sizeOf(shape)).fill(initial), shape)]),
  )
