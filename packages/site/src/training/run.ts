/** Training and prediction as calls of graphs. Runs inside the worker; sessions are kept for graphs seen before. */
import { WardroundError } from '@wardround/core/errors.ts'
import { type EpochGraph, type EpochOptions, epochGraph } from '@wardround/core/graph/epoch.ts'
import { predictionGraph } from '@wardround/core/graph/layers.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import type { PredictRequest, TrainRequest, TrainResult } from './messages.ts'
import { dropoutDraws, type Schedule, scheduleOf } from './plan.ts'
import { floats, floatsOf, integers, openSession, type Session } from './session.ts'

/** Steps of one runtime call: short enough to hear a cancellation, long enough to hide the call. */
const stepsPerCall = 2000
/** Dropout draws of one call, in values. */
const drawsPerCall = 4_000_000

export type Runner = {
  train(request: TrainRequest, control: { cancelled(): boolean; progress(epoch: number): void }): Promise<TrainResult>
  predict(request: PredictRequest): Promise<Float32Array<ArrayBuffer>>
}

type Carried = Record<string, Tensor>

export function createRunner(): Runner {
  const sessions = new Map<string, Promise<{ epoch: EpochGraph; session: Session }>>()
  const predictions = new Map<string, Promise<Session>>()
  return {
    async train(request, control) {
      const options = epochOptions(request)
      const { epoch, session } = await remembered(sessions, options, async () => {
        const made = epochGraph(options)
        return { epoch: made, session: await openSession(made.graph) }
      })
      const fixed = { ...dataFeeds(request), ...anchorFeeds(request), ...correctionFeeds(request) }
      let carried = firstValues(request, epoch)
      const losses: number[] = []
      const schedule = scheduleOf(request, { rows: request.data.rows, batch: options.batch, labels: request.labels })
      const { parts, stepsPerPart, epochOf } = schedule
      const pace = partsPerCall(epoch, stepsPerPart * options.batch, stepsPerPart)
      for (let done = 0; done < parts.count; done += pace) {
        if (control.cancelled()) throw new WardroundError('WR_CANCELLED')
        const now = { from: parts.from + done, count: Math.min(pace, parts.count - done) }
        const feeds = scanFeeds(request, epoch, { schedule, batch: options.batch, parts: now })
        const outputs = await session.run({ ...fixed, ...carried, ...feeds })
        const means = partLosses(floatsOf(outputs, 'losses'), stepsPerPart, (step) =>
          epochOf(done * stepsPerPart + step),
        )
        losses.push(...means)
        carried = nextValues(outputs, carried)
        control.progress(done + now.count)
      }
      const steps = parts.count * stepsPerPart
      return {
        weights: finalWeights(request, carried, epochOf(steps - 1)),
        steps,
        lossPerEpoch: 'steps' in request ? [meanOf(losses)] : losses,
      }
    },
    async predict({ model, loss, weights, data, groups }) {
      const shape = { model: shapeOf(model), inputs: data.width, loss, ...(groups === undefined ? {} : { groups }) }
      const session = await remembered(predictions, shape, () => openSession(predictionGraph(shape)))
      const outputs = await session.run({
        features: floats(data.features, [data.rows, data.width]),
        ...(data.group === undefined ? {} : { group: integers(data.group, [data.rows]) }),
        ...Object.fromEntries(weights.map((tensor) => [tensor.name, floats(tensor.data, tensor.shape)])),
      })
      return floatsOf(outputs, 'prediction')
    },
  }
}

/** The value for `key`, made once; a failure is not kept. */
async function remembered<V>(cache: Map<string, Promise<V>>, key: unknown, make: () => Promise<V>): Promise<V> {
  const name = JSON.stringify(key)
  const made = cache.get(name) ?? make()
  cache.set(name, made)
  return made.catch((error: unknown) => {
    cache.delete(name)
    throw error
  })
}

const epochOptions = ({
  model,
  training,
  data,
  classWeights,
  proximal,
  correction,
  groups,
}: TrainRequest): EpochOptions => ({
  model: shapeOf(model),
  training: { loss: training.loss, optimizer: training.optimizer, l2: training.l2 },
  inputs: data.width,
  batch: Math.min(training.batch, data.rows),
  weighted: classWeights !== undefined,
  ...(proximal === undefined ? {} : { proximalMu: proximal.mu }),
  ...(correction === undefined ? {} : { corrected: true }),
  ...(groups === undefined ? {} : { groups }),
})

/** A graph does not depend on where its weights start: studies that differ in that alone share a session. */
const shapeOf = ({ layers, personal }: TrainRequest['model']): TrainRequest['model'] => ({ layers, personal })

function dataFeeds({ data, classWeights }: TrainRequest): Carried {
  const weight = classWeights && Float32Array.from(data.target, (label) => classWeights[label] ?? 1)
  return {
    features: floats(data.features, [data.rows, data.width]),
    target: floats(data.target, [data.rows, 1]),
    ...(weight === undefined ? {} : { weight: floats(weight, [data.rows, 1]) }),
    ...(data.group === undefined ? {} : { group: integers(data.group, [data.rows]) }),
  }
}

const anchorFeeds = ({ model, proximal }: TrainRequest): Carried =>
  Object.fromEntries(
    (proximal?.anchor ?? [])
      .filter(({ name }) => !model.personal.includes(name))
      .map(({ name, shape, data }) => [`anchor/${name}`, floats(data, shape)]),
  )

const correctionFeeds = ({ correction = [] }: TrainRequest): Carried =>
  Object.fromEntries(correction.map(({ name, shape, data }) => [`correction/${name}`, floats(data, shape)]))

/** The optimizer starts afresh in each call: in federated averaging a client keeps no moments between rounds. */
const firstValues = ({ weights }: TrainRequest, epoch: EpochGraph): Carried => ({
  ...Object.fromEntries(weights.map(({ name, shape, data }) => [name, floats(data, shape)])),
  ...Object.fromEntries(
    epoch.state.map(({ name, shape, initial }) => [name, floats(new Float32Array(sizeOf(shape)).fill(initial), shape)]),
  ),
})

const nextValues = (outputs: Parameters<typeof floatsOf>[0], carried: Carried): Carried =>
  Object.fromEntries(
    Object.entries(carried).map(([name, before]) => [name, floats(floatsOf(outputs, `next/${name}`), before.dims)]),
  )

function scanFeeds(
  { labels }: TrainRequest,
  epoch: EpochGraph,
  { schedule, batch, parts }: { schedule: Schedule; batch: number; parts: Schedule['parts'] },
): Carried {
  const { stepsPerPart } = schedule
  const steps = stepsPerPart * parts.count
  const draws = epoch.dropouts.map(({ name, units }) => {
    const values = dropoutDraws({ layer: name, labels, valuesPerPart: stepsPerPart * batch * units }, parts)
    return [`draws/${name}`, floats(values, [steps, batch, units])] as const
  })
  return { batches: integers(schedule.indices(parts), [steps, batch]), ...Object.fromEntries(draws) }
}

function partsPerCall(epoch: EpochGraph, examples: number, steps: number): number {
  const draws = epoch.dropouts.reduce((sum, { units }) => sum + units * examples, 0)
  return Math.max(
    1,
    Math.floor(Math.min(stepsPerCall / steps, draws === 0 ? Number.POSITIVE_INFINITY : drawsPerCall / draws)),
  )
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

function finalWeights({ weights }: TrainRequest, carried: Carried, lastEpoch: number): TrainResult['weights'] {
  return weights.map(({ name, shape, data }) => {
    const value = carried[name]?.data
    // A copy of ours already (nextValues), or what was given.
    const trained = value instanceof Float32Array ? (value as Float32Array<ArrayBuffer>) : data
    if (firstNotFinite(trained) >= 0) throw new WardroundError('WR_TRAINING_DIVERGED', { epoch: lastEpoch })
    return { name, shape, data: trained }
  })
}
