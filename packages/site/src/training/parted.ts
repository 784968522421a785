/**
 * One step after another, the parts of each batch side by side: as many at once as there are lanes, each by one thread. What they come to is summed in the order of the batch, whichever lane it
 * comes from, and then the step is taken as one of halves: the bits are the same for any number of lanes.
 */
import { extentsOf } from '@wardround/core/graph/network.ts'
import {
  gradientInput,
  lastInput,
  type PartedStep,
  partedStep,
  partsOfBatch,
} from '@wardround/core/graph/parted-step.ts'
import { drawsInput } from '@wardround/core/graph/step.ts'
import { sizeOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import { type DrawnStep, drawnSteps } from './drawn-steps.ts'
import { type Feeds, firstCarried, outerFeeds } from './feeds.ts'
import { missing, type OpenHalves, openHalves, runHalves } from './halves.ts'
import type { LaneSession, Lanes } from './lanes.ts'
import { usualRange } from './ranges.ts'
import { bytes, floats, integers } from './session.ts'
import { amountOfStep } from './session-options.ts'
import { stepOptions } from './step-options.ts'
import { ownWeights, rateFeed, type Sizes } from './stepwise.ts'
import { carriedWeights, type Remembered, type Way, type WayOptions } from './way.ts'

export type Parted = { readonly step: PartedStep; readonly update: OpenHalves; readonly parts: readonly Part[] }

/** Of each batch: examples from a place in it on, and what works on them. */
type Part = { readonly from: number; readonly examples: number; readonly session: LaneSession }

export type PartedOptions = WayOptions & { readonly microbatch: number; readonly lanes: Lanes }

export async function parted(
  kept: Remembered<Parted>,
  options: PartedOptions,
  { largeValues, range = usualRange }: Sizes = {},
): Promise<Way> {
  const { request, goOn, microbatch, lanes } = options
  const shape = stepOptions(request)
  const { step, update, parts } = await kept([shape, microbatch, largeValues], async () => {
    const made = partedStep(shape, largeValues)
    return {
      step: made,
      update: await openHalves(made.update, options.device),
      parts: await openParts(made, options, extentsOf(shape.inputs)),
    }
  })
  const fixed = outerFeeds(request)
  const rows = rowsOf(step, fixed)
  const sums = sumsOf(step)
  let carried: Feeds = firstCarried({ ...request, weights: ownWeights(request) }, step.parts.state)
  const runStep = async (drawn: DrawnStep): Promise<number> => {
    const work = { parts, lanes: lanes.length, feeds: (part: Part) => ({ ...fixed, ...carried, ...rows(drawn, part) }) }
    const { loss, gradients } = await sums(work)
    const known = { ...fixed, ...gradients, ...rateFeed(drawn.rate) }
    const done = await runHalves(update, { known, carried, range })
    carried = done.carried
    return loss
  }
  return {
    pace: 1,
    async advance(some) {
      const losses: number[] = []
      for (const drawn of drawnSteps(options, step.parts.draws, some)) {
        goOn()
        losses.push(await runStep(drawn))
      }
      return Float32Array.from(losses)
    },
    weights: () => carriedWeights(carried, request.weights),
    carried: () => carriedWeights(carried, [...request.weights, ...step.parts.state]),
  }
}

/** The first part may be a smaller one; each lane has sessions for its own. */
async function openParts(
  step: PartedStep,
  { batch, microbatch, lanes }: PartedOptions,
  extents: readonly number[],
): Promise<readonly Part[]> {
  const sessions = new Map<string, LaneSession>()
  const opened: Part[] = []
  let from = 0
  for (const [part, examples] of partsOfBatch(batch, microbatch).entries()) {
    const at = part % lanes.length
    const key = `${at} ${examples}`
    const open = async (): Promise<LaneSession> =>
      lanes[at]?.open(step.part(examples), amountOfStep(examples, extents)) ?? missing('lane')
    const session = sessions.get(key) ?? (await open())
    sessions.set(key, session)
    opened.push({ from, examples, session })
    from += examples
  }
  return opened
}

type Work = {
  readonly parts: readonly Part[]
  readonly lanes: number
  feeds(part: Part): Feeds
}

/** As many parts at once as there are lanes. What the parts before the last come to is summed here, from the first on; the last one's is added by the update. */
function sumsOf({ parts: { learnt } }: PartedStep) {
  // What a lane has given is good until it is asked again.
  const kept = learnt.map(({ shape }) => new Float32Array(sizeOf(shape)))
  return async ({ parts, lanes, feeds }: Work): Promise<{ loss: number; gradients: Feeds }> => {
    let [sums, last, loss]: [Results, Results, number] = [kept, kept, 0]
    for (let from = 0; from < parts.length; from += lanes) {
      const found = await Promise.all(parts.slice(from, from + lanes).map((part) => part.session.run(feeds(part))))
      for (const [index, values] of found.entries()) {
        const part = from + index
        // Float32, as the gradients.
        loss = Math.fround(loss + (values.at(-1)?.[0] ?? Number.NaN))
        if (part === parts.length - 1) last = values
        else if (part > 0) addAll(kept, values)
        else if (parts.length === 2 && lanes > 1) sums = values
        else for (const [at, sum] of kept.entries()) sum.set(values[at] ?? missing('gradient'))
      }
    }
    const given = (all: Results, nameOf: (spec: TensorSpec) => string) =>
      learnt.map((spec, index) => [nameOf(spec), floats(all[index] ?? missing(spec.name), spec.shape)] as const)
    return { loss, gradients: Object.fromEntries([...given(sums, gradientInput), ...given(last, lastInput)]) }
  }
}

/** Gradients of what is learnt, in order; then, of a part, its loss. */
type Results = readonly Float32Array[]

function addAll(sums: Results, values: Results): void {
  for (const [index, sum] of sums.entries()) add(sum, values[index] ?? missing('gradient'))
}

function add(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? Number.NaN)
}

/** What a part's own examples are: of what is given for the whole data set their rows, and their draws. */
function rowsOf({ parts: { outer, draws } }: PartedStep, fixed: Feeds) {
  const perExample = outer.flatMap(({ name, shape }) => (shape[0] === 'rows' ? [name] : []))
  return (drawn: DrawnStep, { from, examples }: Part): Feeds => {
    const indices = drawn.indices.subarray(from, from + examples)
    const picked = perExample.map((name) => [name, pickedFrom(fixed[name] ?? missing(name), indices)] as const)
    const own = draws.map((layer) => {
      const [name, width] = [drawsInput(layer), sizeOf(layer.extents)]
      const values = (drawn.draws.get(name) ?? missing(name)).subarray(from * width, (from + examples) * width)
      return [name, floats(values, [examples, ...layer.extents])] as const
    })
    return Object.fromEntries([...picked, ...own])
  }
}

function pickedFrom({ data, dims: [, ...extents] }: Tensor, indices: Int32Array): Tensor {
  const [width, shape] = [sizeOf(extents), [indices.length, ...extents]]
  if (data instanceof Float32Array)
    return floats(picked(data, new Float32Array(sizeOf(shape)), { indices, width }), shape)
  if (data instanceof Int32Array)
    return integers(picked(data, new Int32Array(sizeOf(shape)), { indices, width }), shape)
  if (data instanceof Uint8Array) return bytes(picked(data, new Uint8Array(sizeOf(shape)), { indices, width }), shape)
  throw new TypeError('there are no rows of such values')
}

type Numbers = { set(from: ArrayLike<number>, at: number): void; subarray(from: number, to: number): ArrayLike<number> }

function picked<T extends Numbers>(
  all: Numbers,
  into: T,
  { indices, width }: { indices: Int32Array; width: number },
): T {
  for (const [at, row] of indices.entries()) into.set(all.subarray(row * width, (row + 1) * width), at * width)
  return into
}
