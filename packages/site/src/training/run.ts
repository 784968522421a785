/** Training and prediction as calls of graphs. Runs inside the trainer's process; sessions are kept for graphs seen before. */
import { WardroundError } from '@wardround/core/errors.ts'
import { maskFiguresGraph } from '@wardround/core/graph/mask-figures.ts'
import { isDivided } from '@wardround/core/graph/parted-step.ts'
import { predictionGraph } from '@wardround/core/graph/prediction.ts'
import { inputsIn } from '@wardround/core/preparation/inputs.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { Device } from './device.ts'
import { featureFeeds, maskFeed, weightFeeds } from './feeds.ts'
import { type Lanes, ownLane } from './lanes.ts'
import type { Checkpoint, PredictRequest, TrainRequest, TrainResult } from './messages.ts'
import { type Parted, parted } from './parted.ts'
import { scheduleOf } from './plan.ts'
import { type Epoch, scanned } from './scanned.ts'
import { floatsOf, integers, openSession, type Session } from './session.ts'
import { shapeOf } from './step-options.ts'
import { type Divided, stepwise } from './stepwise.ts'
import { remembered, type Way, type WayOptions } from './way.ts'

export type Control = {
  cancelled(): boolean
  progress(done: number): void
  /** There is more to do. What it stands at is as it is until this returns. */
  between(standing: () => Checkpoint): void
}

export type Runner = {
  /** May change the weights that it is given, and gives them back. */
  train(request: TrainRequest, control: Control): Promise<TrainResult>
  predict(request: PredictRequest): Promise<Float32Array<ArrayBuffer>>
}

/**
 * From so many values on a model is large: 8 MB. Below, a Scan's copies are no more than what Node and ONNX Runtime need anyway, and dividing a step costs a fifth of
 * its time or more; from 64 MB on it costs nothing.
 */
const largeModel = 1 << 21
const isLarge = (weights: readonly TensorSpec[]): boolean => dimensionOf(weights) >= largeModel

/** Parts of a batch are worked on in `lanes` (parted.ts). */
export function createRunner(device: Device = 'cpu', lanes: Lanes = [ownLane(device)]): Runner {
  const epochs = remembered<Epoch>()
  const divided = remembered<Divided>()
  const inParts = remembered<Parted>()
  const predictions = remembered<Session>()
  // Pooled data sets are trained on where a federation is simulated, never by a site.
  const wayOf = (options: WayOptions): Promise<Way> => {
    const { training, weights, groups } = options.request
    if (isDivided(training.microbatch, options.batch))
      return parted(inParts, { ...options, microbatch: training.microbatch, lanes })
    return isLarge(weights) && groups === undefined ? stepwise(divided, options) : scanned(epochs, options)
  }
  return {
    async train(request, control) {
      const batch = Math.min(request.training.batch, request.data.rows)
      const schedule = scheduleOf(request, { rows: request.data.rows, batch, labels: request.labels })
      const goOn = (): void => {
        if (control.cancelled()) throw new WardroundError('WR_CANCELLED')
      }
      const way = await wayOf({ request, schedule, batch, goOn, device })
      const losses = [...(request.resume?.losses ?? [])]
      const { parts, stepsPerPart, epochOf } = schedule
      for (let done = request.resume?.done ?? 0; done < parts.count; done += way.pace) {
        const now = { from: parts.from + done, count: Math.min(way.pace, parts.count - done) }
        const means = partLosses(await way.advance(now), stepsPerPart, (step) => epochOf(done * stepsPerPart + step))
        losses.push(...means)
        const doneNow = done + now.count
        control.progress(doneNow)
        if (doneNow < parts.count) control.between(() => ({ done: doneNow, losses, carried: way.carried() }))
      }
      const steps = parts.count * stepsPerPart
      return {
        weights: requireFinite(way.weights(), epochOf(steps - 1)),
        steps,
        lossPerEpoch: 'steps' in request ? [meanOf(losses)] : losses,
      }
    },
    async predict({ model, loss, weights, data, groups }) {
      if ('onnx' in model && data.rows === 0) return new Float32Array()
      const isMeasured = data.masks !== undefined
      const shape = {
        model: shapeOf(model),
        inputs: inputsIn(data),
        ...(data.pixelScale === undefined ? {} : { pixels: true }),
        loss,
        ...(groups === undefined ? {} : { groups }),
      }
      // A file is read for a batch that is known.
      const sessionFor = (rows: number): Promise<Session> => {
        const known = 'onnx' in model ? { ...shape, rows } : shape
        const amount = isLarge(weights) ? 'all' : 'little'
        const graphOf = isMeasured ? maskFiguresGraph : predictionGraph
        return predictions([known, isMeasured], () => openSession(graphOf(known), { amount, device }))
      }
      const fixed = weightFeeds(weights)
      const parts: Float32Array<ArrayBuffer>[] = []
      for (const part of partsOf(data)) {
        const session = await sessionFor(part.rows)
        const given = {
          ...(part.group === undefined ? {} : { group: integers(part.group, [part.rows]) }),
          ...(part.masks === undefined ? {} : { target: maskFeed(part.masks, part) }),
        }
        parts.push(floatsOf(await session.run({ ...featureFeeds(part, groups), ...given, ...fixed }), 'prediction'))
      }
      return joined(parts)
    },
  }
}

/** Values of a part: what a network makes of them on its way is many times as much. */
const valuesPerPart = 1 << 18

type Predicted = PredictRequest['data']

/** Records one after another, in parts whose size depends on the width of a record alone: so do the bits of what is predicted. */
function partsOf(data: Predicted): readonly Predicted[] {
  const { features, rows, width, masks, group } = data
  const most = Math.max(1, Math.floor(valuesPerPart / Math.max(1, width)))
  if (rows <= most) return [data]
  return Array.from({ length: Math.ceil(rows / most) }, (_, part) => {
    const [from, to] = [part * most, Math.min(rows, (part + 1) * most)]
    return {
      ...data,
      features: features.subarray(from * width, to * width),
      rows: to - from,
      ...(masks === undefined ? {} : { masks: rowsOf(masks, { rows, from, to }) }),
      ...(group === undefined ? {} : { group: group.subarray(from, to) }),
    }
  })
}

const rowsOf = (
  values: Uint8Array<ArrayBuffer>,
  { rows, from, to }: { readonly rows: number; readonly from: number; readonly to: number },
): Uint8Array<ArrayBuffer> => values.subarray((from * values.length) / rows, (to * values.length) / rows)

function joined(parts: readonly Float32Array<ArrayBuffer>[]): Float32Array<ArrayBuffer> {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

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
