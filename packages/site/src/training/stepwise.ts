/**
 * One step after another, each by the two halves of a divided step: for large models. There are the weights, which are changed in place, and what the
 * optimizer and the strategy keep by their nature, as large each; never a whole gradient.
 */
import { type DividedStep, dividedStep } from '@wardround/core/graph/divided-step.ts'
import { batchInput, drawsInput, rateInput } from '@wardround/core/graph/step.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import { type Feeds, firstCarried, outerFeeds } from './feeds.ts'
import type { TrainRequest } from './messages.ts'
import { dropoutStream, fillUniform, type Parts } from './plan.ts'
import { openUpdates, type RangeSize, runUpdate, type UpdateSession, usualRange } from './ranges.ts'
import { stepRates } from './rates.ts'
import { floats, floatsIn, integers, openSession, type Session } from './session.ts'
import { stepOptions } from './step-options.ts'
import { carriedWeights, type Remembered, type Way, type WayOptions } from './way.ts'

export type Divided = {
  readonly step: DividedStep
  readonly session: Session
  readonly updates: readonly UpdateSession[]
}

/** For tests: other sizes than the usual ones. */
export type Sizes = { readonly largeValues?: number; readonly range?: RangeSize }

export async function stepwise(
  divided: Remembered<Divided>,
  options: WayOptions,
  { largeValues, range = usualRange }: Sizes = {},
): Promise<Way> {
  const { request, goOn, device } = options
  const shape = stepOptions(request)
  const { step, session, updates } = await divided([shape, largeValues], async () => {
    const made = dividedStep(shape, largeValues)
    return {
      step: made,
      session: await openSession(made.graph, { amount: 'all', ...(device && { device }) }),
      updates: await openUpdates(made.updates),
    }
  })
  const fixed = outerFeeds(request)
  let carried: Feeds = firstCarried({ ...request, weights: ownWeights(request) }, step.state)
  /** Its loss, before it. */
  const runStep = async (drawn: Feeds): Promise<number> => {
    const known: Feeds = { ...fixed, ...carried, ...drawn }
    const feeds = step.graph.inputs.map(({ name }) => [name, known[name] ?? missing(name)] as const)
    const outputs = await session.run(Object.fromEntries(feeds))
    const made = Object.fromEntries(
      step.graph.outputs.map(({ name, shape: own }) => [name, floats(floatsIn(outputs[name]), own.map(Number))]),
    )
    for (const update of updates) await runUpdate(update, { ...known, ...made }, range)
    carried = { ...carried, ...Object.fromEntries([...step.next].map(([name, of]) => [name, made[of] ?? missing(of)])) }
    return floatsIn(made[step.loss])[0] ?? Number.NaN
  }
  const drawn = drawnFeeds(options, step)
  return {
    pace: 1,
    async advance(parts) {
      const losses: number[] = []
      for (const feeds of drawn(parts)) {
        goOn()
        losses.push(await runStep(feeds))
      }
      return Float32Array.from(losses)
    },
    weights: () => carriedWeights(carried, request.weights),
    carried: () => carriedWeights(carried, [...request.weights, ...step.state]),
  }
}

const missing = (name: string): never => {
  throw new TypeError(`there is no ${name}`)
}

/** What FedProx pulls towards are the weights as they were. */
const ownWeights = ({ weights, proximal }: TrainRequest): Weights =>
  proximal === undefined ? weights : weights.map((tensor) => ({ ...tensor, data: tensor.data.slice() }))

/** Batch, draws and rate of each step of some parts. */
const drawnFeeds = ({ request, schedule, batch }: WayOptions, { draws: layers }: DividedStep) =>
  function* (parts: Parts): Generator<Feeds> {
    for (let part = parts.from; part < parts.from + parts.count; part++) {
      const own = { from: part, count: 1 }
      const [indices, rates] = [schedule.indices(own), stepRates(request, schedule, own)]
      const { labels } = request
      const streams = layers.map((layer) => ({ layer, random: dropoutStream({ layer: layer.name, labels }, part) }))
      for (let step = 0; step < schedule.stepsPerPart; step++) {
        const draws = streams.map(({ layer, random }): [string, Tensor] => {
          const shape = [batch, ...layer.extents]
          return [drawsInput(layer), floats(fillUniform(new Float32Array(sizeOf(shape)), random), shape)]
        })
        yield {
          [batchInput]: integers(indices.subarray(step * batch, (step + 1) * batch), [batch]),
          ...Object.fromEntries(draws),
          ...(rates === undefined ? {} : { [rateInput]: floats(rates.slice(step, step + 1), []) }),
        }
      }
    }
  }
