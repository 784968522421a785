/** What a training request gives to a graph. */
import { sizeOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import type { TrainRequest } from './messages.ts'
import { floats, integers } from './session.ts'

export type Feeds = Readonly<Record<string, Tensor>>

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

/** What the first step starts from: the weights, and an optimizer that starts afresh in each call, since in federated averaging a client keeps no moments between rounds; or where an earlier try had come to. */
export const firstCarried = ({ weights, resume }: TrainRequest, state: Parameters<typeof firstState>[0]): Feeds =>
  resume === undefined ? { ...weightFeeds(weights), ...firstState(state) } : weightFeeds(resume.carried)

export const firstState = (state: readonly (TensorSpec & { readonly initial: number })[]): Feeds =>
  Object.fromEntries(
    state.map(({ name, shape, initial }) => [name, floats(new Float32Array(sizeOf(shape)).fill(initial), shape)]),
  )
