/**
 * One step after another, each by the two halves of a divided step: for large models. There are the weights, which are changed in place, and what the
 * optimizer and the strategy keep by their nature, as large each; never a whole gradient.
 */
import { type DividedStep, dividedStep } from '@wardround/core/graph/divided-step.ts'
import { batchInput, drawsInput, rateInput } from '@wardround/core/graph/step.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { type DrawnStep, drawnSteps } from './drawn-steps.ts'
import { type Feeds, firstCarried, outerFeeds } from './feeds.ts'
import { missing, type OpenHalves, openHalves, runHalves } from './halves.ts'
import type { TrainRequest } from './messages.ts'
import { type RangeSize, usualRange } from './ranges.ts'
import { floats, floatsIn, integers } from './session.ts'
import { stepOptions } from './step-options.ts'
import { carriedWeights, type Remembered, type Way, type WayOptions } from './way.ts'

export type Divided = { readonly step: DividedStep; readonly halves: OpenHalves }

/** For tests: other sizes than the usual ones. */
export type Sizes = { readonly largeValues?: number; readonly range?: RangeSize }

export async function stepwise(
  divided: Remembered<Divided>,
  options: WayOptions,
  { largeValues, range = usualRange }: Sizes = {},
): Promise<Way> {
  const { request, goOn, device, batch } = options
  const shape = stepOptions(request)
  const { step, halves } = await divided([shape, largeValues], async () => {
    const made = dividedStep(shape, largeValues)
    return { step: made, halves: await openHalves(made, device) }
  })
  const fixed = outerFeeds(request)
  let carried: Feeds = firstCarried({ ...request, weights: ownWeights(request) }, step.state)
  /** Its loss, before it. */
  const runStep = async (drawn: Feeds): Promise<number> => {
    const done = await runHalves(halves, { known: { ...fixed, ...drawn }, carried, range })
    carried = done.carried
    return floatsIn(done.made[step.loss] ?? missing(step.loss))[0] ?? Number.NaN
  }
  const feedsOf = ({ indices, draws, rate }: DrawnStep): Feeds => ({
    [batchInput]: integers(indices, [batch]),
    ...Object.fromEntries(
      step.draws.map((layer) => {
        const name = drawsInput(layer)
        return [name, floats(draws.get(name) ?? missing(name), [batch, ...layer.extents])]
      }),
    ),
    ...rateFeed(rate),
  })
  return {
    pace: 1,
    async advance(parts) {
      const losses: number[] = []
      for (const drawn of drawnSteps(options, step.draws, parts)) {
        goOn()
        losses.push(await runStep(feedsOf(drawn)))
      }
      return Float32Array.from(losses)
    },
    weights: () => carriedWeights(carried, request.weights),
    carried: () => carriedWeights(carried, [...request.weights, ...step.state]),
  }
}

export const rateFeed = (rate: DrawnStep['rate']): Feeds =>
  rate === undefined ? {} : { [rateInput]: floats(rate, []) }

/** What FedProx pulls towards are the weights as they were. */
export const ownWeights = ({ weights, proximal }: TrainRequest): Weights =>
  proximal === undefined ? weights : weights.map((tensor) => ({ ...tensor, data: tensor.data.slice() }))
