/** Two small networks, trained by the site's own code: in Node on ONNX Runtime, and, as it stands, in a page on what takes that one's place there. */
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { TrainRequest } from '../packages/site/src/training/messages.ts'
import { scheduleOf } from '../packages/site/src/training/plan.ts'
import { scanned } from '../packages/site/src/training/scanned.ts'
import { stepwise } from '../packages/site/src/training/stepwise.ts'
import { remembered, type WayOptions } from '../packages/site/src/training/way.ts'

/** Layers as a study has them, over rows of so many values. */
const networks = {
  'a multilayer perceptron': {
    width: 13,
    classes: 3,
    layers: [
      { dense: 32, activation: 'relu' },
      { dropout: 0.25 },
      { dense: 16, activation: 'tanh' },
      { dense: 3, name: 'output' },
    ],
  },
  'a small CNN': {
    width: 144,
    classes: 3,
    layers: [
      { reshape: [1, 12, 12] },
      { conv2d: 8, kernel: 3, padding: 'same' },
      { groupNormalization: { groups: 2 } },
      { activation: 'relu' },
      { maxPool2d: 2 },
      { conv2d: 8, kernel: 3, activation: 'relu' },
      { maxPool2d: 2 },
      { flatten: {} },
      { dense: 16, activation: 'relu' },
      { dense: 3, name: 'output' },
    ],
  },
} as const
export type NetworkName = keyof typeof networks
export const networkNames = Object.keys(networks) as NetworkName[]

/** All steps in one call of the runtime, or each by itself. */
const ways = {
  scanned: (options: WayOptions) => scanned(remembered(), options),
  stepwise: (options: WayOptions) => stepwise(remembered(), options),
}
export type WayName = keyof typeof ways
export const wayNames = Object.keys(ways) as WayName[]

const rows = 90
const epochs = 5
const batch = 10

/** Three classes, each with a place of its own among the inputs: something that can be learnt in a few steps. */
function requestOf(name: NetworkName): TrainRequest {
  const { width, classes, layers } = networks[name]
  const random = seededRandom(['training anywhere', name])
  const model = modelSchema.parse({ layers })
  const target = Float32Array.from({ length: rows }, () => random.below(classes))
  const features = Float32Array.from({ length: rows * width }, (_, index) => {
    const [row, column] = [Math.floor(index / width), index % width]
    return random.uniform() - 0.5 + (Math.floor((column * classes) / width) === target[row] ? 0.4 : 0)
  })
  return {
    model,
    training: trainingSchema.parse({
      loss: 'categoricalCrossEntropy',
      optimizer: { adam: { rate: 0.01 } },
      batch,
      epochs,
    }),
    epochs,
    data: { features, rows, width, target },
    weights: initialWeights(model, width, random),
    labels: ['training anywhere'],
  }
}

export type Trained = {
  /** Of each step, before it. */
  readonly losses: readonly number[]
  readonly weights: Readonly<Record<string, readonly number[]>>
}

export async function trained(name: NetworkName, by: WayName): Promise<Trained> {
  const request = requestOf(name)
  const schedule = scheduleOf(request, { rows, batch, labels: request.labels })
  const options = { request, schedule, batch, goOn: () => undefined }
  const way = await ways[by](options)
  const losses = [...(await way.advance(schedule.parts))]
  return { losses, weights: Object.fromEntries(way.weights().map(({ name: of, data }) => [of, [...data]])) }
}
