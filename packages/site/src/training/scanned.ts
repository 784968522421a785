/** Many steps in one call of the runtime, by the epoch graph: a call costs more than a step of a small model. */
import { type EpochGraph, epochGraph } from '@wardround/core/graph/epoch.ts'
import { extentsOf } from '@wardround/core/graph/network.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { letGo } from '../memory.ts'
import { type Feeds, firstCarried, outerFeeds } from './feeds.ts'
import type { TrainRequest } from './messages.ts'
import { dropoutDraws, type Parts, type Schedule } from './plan.ts'
import { stepRates } from './rates.ts'
import { floats, floatsIn, integers, openSession, type Session } from './session.ts'
import { amountOfStep } from './session-options.ts'
import { stepOptions } from './step-options.ts'
import { carriedWeights, type Remembered, type Way, type WayOptions } from './way.ts'

/** Steps of one runtime call: short enough to hear a cancellation, long enough to hide the call. */
const stepsPerCall = 2000
/** Dropout draws of one call, in values. */
const drawsPerCall = 4_000_000

export type Epoch = { readonly epoch: EpochGraph; readonly session: Session }

/** Tests choose another number, and bits that are those of a step by itself (core/graph/joined.ts). */
type Choice = { readonly mostSteps?: number; readonly joins?: boolean }

export async function scanned(
  epochs: Remembered<Epoch>,
  { request, schedule, batch, goOn, device }: WayOptions,
  { mostSteps = stepsPerCall, joins = true }: Choice = {},
): Promise<Way> {
  const options = stepOptions(request)
  const { epoch, session } = await epochs(options, async () => {
    const made = epochGraph(options, { joins })
    const amount = amountOfStep(batch, extentsOf(options.inputs))
    return { epoch: made, session: await openSession(made.graph, { amount, ...(device && { device }) }) }
  })
  const { stepsPerPart } = schedule
  const fixed = asked(epoch, outerFeeds(request))
  let carried: Feeds = firstCarried(request, epoch.state)
  /** Whether what is carried is of a call before, and not what others may look at, too. */
  let isOwn = false
  return {
    pace: partsPerCall(epoch, stepsPerPart * batch, stepsPerPart),
    async advance(parts) {
      const feeds = scanFeeds(request, epoch, { schedule, batch, parts })
      const losses = new Float32Array(stepsPerPart * parts.count)
      for (let from = 0; from < losses.length; from += mostSteps) {
        goOn()
        const outputs = await session.run({ ...fixed, ...carried, ...stepsOf(feeds, from, from + mostSteps) })
        if (isOwn) letGo(Object.values(carried).map(floatsIn))
        carried = Object.fromEntries(
          Object.entries(carried).map(([name, { dims }]) => [name, floats(floatsIn(outputs[`next/${name}`]), dims)]),
        )
        isOwn = true
        losses.set(floatsIn(outputs.losses), from)
      }
      return losses
    },
    weights: () => carriedWeights(carried, request.weights),
    carried: () => carriedWeights(carried, [...request.weights, ...epoch.state]),
  }
}

/** Of what is given for all steps, as much as some of them need: an epoch may be longer than a call. */
const stepsOf = (feeds: Feeds, from: number, to: number): Feeds =>
  Object.fromEntries(
    Object.entries(feeds).map(
      ([
        name,
        {
          data,
          dims: [steps = 0, ...extents],
        },
      ]) => {
        const [width, end] = [sizeOf(extents), Math.min(steps, to)]
        const shape = [end - from, ...extents]
        if (data instanceof Int32Array) return [name, integers(data.subarray(from * width, end * width), shape)]
        if (data instanceof Float32Array) return [name, floats(data.subarray(from * width, end * width), shape)]
        throw new TypeError(`there is no ${name}`)
      },
    ),
  )

/** Anchors and corrections are given for all weights that travel; running statistics have none in the graph. */
function asked({ graph }: EpochGraph, feeds: Feeds): Feeds {
  const names = new Set(graph.inputs.map(({ name }) => name))
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)))
}

function scanFeeds(
  request: TrainRequest,
  epoch: EpochGraph,
  { schedule, batch, parts }: { schedule: Schedule; batch: number; parts: Parts },
): Feeds {
  const { stepsPerPart } = schedule
  const steps = stepsPerPart * parts.count
  const draws = epoch.draws.map(({ name, extents }) => {
    const values = dropoutDraws(
      { layer: name, labels: request.labels, valuesPerPart: stepsPerPart * batch * sizeOf(extents) },
      parts,
    )
    return [`draws/${name}`, floats(values, [steps, batch, ...extents])] as const
  })
  const rates = stepRates(request, schedule, parts)
  return {
    batches: integers(schedule.indices(parts), [steps, batch]),
    ...Object.fromEntries(draws),
    ...(rates === undefined ? {} : { rates: floats(rates, [steps]) }),
  }
}

function partsPerCall(epoch: EpochGraph, examples: number, steps: number): number {
  const draws = epoch.draws.reduce((sum, { extents }) => sum + sizeOf(extents) * examples, 0)
  return Math.max(
    1,
    Math.floor(Math.min(stepsPerCall / steps, draws === 0 ? Number.POSITIVE_INFINITY : drawsPerCall / draws)),
  )
}
