/** What a training request gives to a graph. */
import { adjustmentsOf } from '@wardround/core/graph/logit-adjustment.ts'
import { extentsOf, networkOf } from '@wardround/core/graph/network.ts'
import { adjustmentInput } from '@wardround/core/graph/objective.ts'
import { inputsIn } from '@wardround/core/preparation/inputs.ts'
import { logitAdjustmentIn } from '@wardround/core/study/outcome.ts'
import { sizeOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import type { Dataset, TrainRequest } from './messages.ts'
import { bytes, floats, integers } from './session.ts'

export type Feeds = Readonly<Record<string, Tensor>>

/** The same for every step. */
export const outerFeeds = (request: TrainRequest): Feeds => ({
  ...dataFeeds(request),
  ...anchorFeeds(request),
  ...correctionFeeds(request),
})

function dataFeeds(request: TrainRequest): Feeds {
  const { data, classWeights, groups } = request
  const weight = classWeights && Float32Array.from(data.target, (label) => classWeights[label] ?? 1)
  return {
    ...featureFeeds(data, groups),
    target: targetFeed(data),
    ...(weight === undefined ? {} : { weight: floats(weight, [data.rows, 1]) }),
    ...adjustmentFeed(request),
    ...(data.group === undefined ? {} : { group: integers(data.group, [data.rows]) }),
  }
}

/** [rows, 1], of survival [rows, 2], of masks [rows, 1, height, width]. */
export const targetFeed = (data: Dataset): Tensor =>
  data.masks === undefined ? floats(data.target, [data.rows, data.targetWidth ?? 1]) : maskFeed(data.masks, data)

/** Of one channel, as large as the images. */
export function maskFeed(
  masks: Uint8Array<ArrayBuffer>,
  { rows, extents = [] }: Pick<Dataset, 'rows' | 'extents'>,
): Tensor {
  return bytes(masks, [rows, 1, ...extents.slice(1)])
}

/** By the records that are trained on: a hospital's own, whether for all or alone; of a pooled data set all of them. */
function adjustmentFeed({ model, training, data }: TrainRequest): Feeds {
  const tau = logitAdjustmentIn(training.loss)
  if (tau === undefined) return {}
  const classes = sizeOf(networkOf(model, inputsIn(data)).output)
  return { [adjustmentInput]: floats(adjustmentsOf(tau, { target: data.target, classes }), [1, classes]) }
}

/** Of a step, and of a prediction. Records of one hospital of a pooled data set have its scale alone: it is everybody's then. */
export function featureFeeds(
  data: Pick<Dataset, 'features' | 'rows' | 'width' | 'extents' | 'pixelScale'>,
  groups?: number,
): Feeds {
  const { features, pixelScale, rows } = data
  const shape = [rows, ...extentsOf(inputsIn(data))]
  const [channels = 1] = data.extents ?? []
  const scale = (own: Float32Array<ArrayBuffer>): Tensor => {
    if (groups === undefined) return floats(own, [channels, 1, 1])
    const all = Float32Array.from({ length: groups * channels }, (_, at) => own[at % own.length] ?? 0)
    return floats(all, [groups, channels, 1, 1])
  }
  return {
    features: features instanceof Float32Array ? floats(features, shape) : bytes(features, shape),
    ...(pixelScale === undefined
      ? {}
      : {
          'pixels/mean': scale(pixelScale.mean),
          'pixels/deviation': scale(pixelScale.deviation),
        }),
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
