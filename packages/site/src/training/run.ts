/** Training and prediction as calls of graphs. Runs inside the trainer's process; sessions are kept for graphs seen before. */
import { WardroundError } from '@wardround/core/errors.ts'
import { predictionGraph } from '@wardround/core/graph/prediction.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { shapeOf, weightFeeds } from './feeds.ts'
import type { PredictRequest, TrainRequest, TrainResult } from './messages.ts'
import { scheduleOf } from './plan.ts'
import { type Epoch, scanned } from './scanned.ts'
import { floats, floatsOf, integers, openSession, type Session } from './session.ts'
import { type Divided, stepwise } from './stepwise.ts'
import { remembered, type Way, type WayOptions } from './way.ts'

export type Runner = {
  /** May change the weights that it is given, and gives them back. */
  train(request: TrainRequest, control: { cancelled(): boolean; progress(epoch: number): void }): Promise<TrainResult>
  predict(request: PredictRequest): Promise<Float32Array<ArrayBuffer>>
}

/**
 * From so many values on a model is large: 8 MB. Below, a Scan's copies are no more than what Node and ONNX Runtime need anyway, and dividing a step costs a fifth of
 * its time or more; from 64 MB on it costs nothing.
 */
const largeModel = 1 << 21
const isLarge = (weights: readonly TensorSpec[]): boolean => dimensionOf(weights) >= largeModel

export function createRunner(): Runner {
  const epochs = remembered<Epoch>()
  const divided = remembered<Divided>()
  const predictions = remembered<Session>()
  // Pooled data sets are trained on where a federation is simulated, never by a site.
  const wayOf = (options: WayOptions): Promise<Way> =>
    isLarge(options.request.weights) && options.request.groups === undefined
      ? stepwise(divided, options)
      : scanned(epochs, options)
  return {
    async train(request, control) {
      const batch = Math.min(request.training.batch, request.data.rows)
      const schedule = scheduleOf(request, { rows: request.data.rows, batch, labels: request.labels })
      const goOn = (): void => {
        if (control.cancelled()) throw new WardroundError('WR_CANCELLED')
      }
      const way = await wayOf({ request, schedule, batch, goOn })
      const losses: number[] = []
      const { parts, stepsPerPart, epochOf } = schedule
      for (let done = 0; done < parts.count; done += way.pace) {
        const now = { from: parts.from + done, count: Math.min(way.pace, parts.count - done) }
        const means = partLosses(await way.advance(now), stepsPerPart, (step) => epochOf(done * stepsPerPart + step))
        losses.push(...means)
        control.progress(done + now.count)
      }
      const steps = parts.count * stepsPerPart
      return {
        weights: requireFinite(way.weights(), epochOf(steps - 1)),
        steps,
        lossPerEpoch: 'steps' in request ? [meanOf(losses)] : losses,
      }
    },
    async predict({ model, loss, weights, data, groups }) {
      const rows = 'onnx' in model ? Math.min(rowsAtOnce, data.rows) : undefined
      if (rows === 0) return new Float32Array()
      const grouped = groups === undefined ? {} : { groups }
      const shape = { model: shapeOf(model), inputs: data.width, loss, ...grouped, rows }
      const open = () => openSession(predictionGraph(shape), { large: isLarge(weights) })
      const session = await predictions(shape, open)
      const run = async (part: PredictRequest['data']): Promise<Float32Array<ArrayBuffer>> => {
        const outputs = await session.run({
          features: floats(part.features, [part.rows, part.width]),
          ...(part.group === undefined ? {} : { group: integers(part.group, [part.rows]) }),
          ...weightFeeds(weights),
        })
        return floatsOf(outputs, 'prediction')
      }
      return rows === undefined ? run(data) : inBlocks(data, rows, run)
    },
  }
}

/** Of a model from a file, which is read for a batch that is known. */
const rowsAtOnce = 256

/** Predictions for so many rows at a time; the last of them are those at the end, some of which may have been there before. */
async function inBlocks(
  data: PredictRequest['data'],
  rows: number,
  run: (part: PredictRequest['data']) => Promise<Float32Array<ArrayBuffer>>,
): Promise<Float32Array<ArrayBuffer>> {
  let all = new Float32Array()
  for (let done = 0; done < data.rows; done += rows) {
    const from = Math.min(done, data.rows - rows)
    const made = await run(partOf(data, from, rows))
    const each = made.length / rows
    if (done === 0) all = new Float32Array(data.rows * each)
    all.set(made, from * each)
  }
  return all
}

const partOf = ({ features, width, group }: PredictRequest['data'], from: number, rows: number) => ({
  features: features.subarray(from * width, (from + rows) * width),
  rows,
  width,
  ...(group === undefined ? {} : { group: group.subarray(from, from + rows) }),
})

/** The mean of each part's steps. Errors: WR_TRAINING_DIVERGED, with the epoch. */
function partLosses(losses: Float32Array, stepsPerPart: number, epochOf: (step: number) => number): number[] {
  const bad = firstNotFinite(losses)
  if (bad >= 0) throw new WardroundError('WR_TRAINING_DIVERGED', { epoch: epochOf(bad) })
  return Array.from({ length: losses.length / stepsPerPart }, (_, part) =>
    meanOf(losses.subarray(part * stepsPerPart, (part + 1) * stepsPerPart)),
  )
}

const meanOf = (values: Iterable<number> & { readonly length: number }): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

function requireFinite(weights: TrainResult['weights'], lastEpoch: number): TrainResult['weights'] {
  if (weights.some(({ data }) => firstNotFinite(data) >= 0))
    throw new WardroundError('WR_TRAINING_DIVERGED', { epoch: lastEpoch })
  return weights
}
