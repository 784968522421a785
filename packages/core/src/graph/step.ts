/** One step of training as nodes of a graph: gather the batch, forward, loss, gradients, optimizer. */
import type { ModelSpec, TrainingSpec } from '../study/model.ts'
import type { TensorSpec } from '../weights.ts'
import { appendAugmentation, augmentDraws } from './augment.ts'
import type { GraphBuilder } from './builder.ts'
import { clipGradients } from './clip-gradients.ts'
import { differentiate } from './differentiate.ts'
import type { ValueInfo } from './ir.ts'
import type { Context, DrawSpec } from './layers/layer.ts'
import { appendL2, appendProximal, sum } from './losses/penalties.ts'
import { appendLoss } from './losses/registry.ts'
import { extentsOf, type Inputs, type Network, networkOf, weightSpecs } from './network.ts'
import type { Optimizer, StateSpec } from './optimizers/optimizer.ts'
import { optimizerOf } from './optimizers/registry.ts'
import { appendLevels, appendScale, pixelScaleInputs } from './pixels.ts'

export type StepOptions = {
  readonly model: ModelSpec
  readonly training: Pick<TrainingSpec, 'loss' | 'optimizer' | 'l2' | 'clipGradients' | 'augment'>
  /** What an example is to the model. */
  readonly inputs: Inputs
  /** Whether features are an image's levels. */
  readonly pixels?: boolean
  /** Examples in one step. */
  readonly batch: number
  /** Whether examples carry weights (class weights). */
  readonly weighted: boolean
  /** FedProx's μ over the weights that travel. */
  readonly proximalMu?: number
  /** Whether something is added to the gradients of the weights that travel (learning/local-correction.ts). */
  readonly corrected?: boolean
  /** Whether the learning rate is an input of each step, rather than the optimizer's own. */
  readonly scheduled?: boolean
  /** Hospitals of a pooled data set: personal biases become tables (network.ts). */
  readonly groups?: number
}

/** What a step is made of, before there is a graph. */
export type StepParts = {
  readonly network: Network
  readonly weights: readonly TensorSpec[]
  /** Those of them that the optimizer changes. */
  readonly learnt: readonly TensorSpec[]
  readonly state: readonly StateSpec[]
  /** Uniform draws that the model needs for each example. */
  readonly draws: readonly DrawSpec[]
  readonly optimizer: Optimizer
  /**
   * The same for every step: `features` [rows, …inputs] (of images uint8, with what they are scaled by: pixels.ts), `target` [rows, 1], `weight` [rows, 1] if weighted, `group` int32 [rows] with groups,
   * `anchor/<weight>` with a proximal term, `correction/<weight>` with a correction.
   */
  readonly outer: readonly ValueInfo[]
  /** Goes into a step and comes out of it: the weights, then the state. */
  readonly carried: readonly ValueInfo[]
}

export function stepParts(options: StepOptions): StepParts {
  const network = networkOf(options.model, options.inputs)
  const weights = weightSpecs(options.model, options.inputs, options.groups)
  const isLearnt = new Map(network.weights.map(({ name, learnt }) => [name, learnt]))
  const learnt = weights.filter(({ name }) => isLearnt.get(name))
  const optimizer = optimizerOf(options.training.optimizer)
  const state = optimizer.state(learnt)
  const carried = [...weights, ...state].map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))
  const draws = isAugmented(options) ? [...network.draws, augmentDraws] : network.draws
  return { network, weights, learnt, state, draws, optimizer, outer: outerValues(options, learnt), carried }
}

const isAugmented = ({ pixels = false, training }: StepOptions): boolean => pixels && training.augment !== undefined

/** Of weights that are learnt. */
const travelling = <T extends TensorSpec>({ model }: StepOptions, learnt: readonly T[]): T[] =>
  learnt.filter(({ name }) => !model.personal.includes(name))

function outerValues(options: StepOptions, learnt: readonly TensorSpec[]): ValueInfo[] {
  const anchored = options.proximalMu === undefined ? [] : travelling(options, learnt)
  const corrected = options.corrected ? travelling(options, learnt) : []
  return [
    { name: 'features', type: options.pixels ? 'uint8' : 'float32', shape: ['rows', ...extentsOf(options.inputs)] },
    ...(options.pixels ? pixelScaleInputs(extentsOf(options.inputs), options.groups) : []),
    { name: 'target', type: 'float32', shape: ['rows', 1] },
    ...(options.weighted ? [{ name: 'weight', type: 'float32' as const, shape: ['rows', 1] }] : []),
    ...(options.groups === undefined ? [] : [{ name: 'group', type: 'int32' as const, shape: ['rows'] }]),
    ...anchored.map(({ name, shape }) => ({ name: `anchor/${name}`, type: 'float32' as const, shape })),
    ...corrected.map(({ name, shape }) => ({ name: `correction/${name}`, type: 'float32' as const, shape })),
  ]
}

/** The names of a step's own inputs: batch indices int32 [batch], a layer's draws [batch, …extents], and the rate [] if scheduled. */
export const batchInput = 'step/batch'
export const drawsInput = (layer: Pick<DrawSpec, 'name'>): string => `step/draws/${layer.name}`
export const rateInput = 'step/rate'

/** The value names of what is carried on, in order, and of the step's data loss, before the step and without penalties. */
export type Step = { readonly next: readonly string[]; readonly loss: string }

/** Appends a step to `b`, which knows the outer values already. The carried inputs keep the names of the weights. */
export function appendStep(b: GraphBuilder, options: StepOptions, parts: StepParts): Step {
  const { learnt, optimizer, carried } = parts
  for (const value of carried) b.input(value)
  const batch = b.input({ name: batchInput, type: 'int32', shape: [options.batch] })
  const draws = new Map(
    parts.draws.map((layer) => [
      layer.name,
      b.input({ name: drawsInput(layer), type: 'float32', shape: [options.batch, ...layer.extents] }),
    ]),
  )
  const rate = options.scheduled ? b.input({ name: rateInput, type: 'float32', shape: [] }) : undefined
  const kept = new Map<string, string>()
  const keep = (tensor: string, next: string): void => void kept.set(tensor, next)
  const { data, total } = appendObjective(b, options, {
    parts,
    batch,
    context: { draw: ({ name }) => draws.get(name), keep },
  })
  const gradients = differentiate(
    b,
    total,
    learnt.map(({ name }) => name),
  )
  const corrected = new Set(options.corrected ? travelling(options, learnt).map(({ name }) => name) : [])
  const correct = (name: string, gradient: string): string =>
    corrected.has(name) ? b.node('Add', [gradient, `correction/${name}`]) : gradient
  const corrections = learnt.map(({ name }, index) => correct(name, gradients[index] ?? ''))
  const clipped = clipGradients(b, options.training.clipGradients, corrections)
  const next = optimizer.step(
    b,
    learnt.map(({ name }, index) => ({ name, gradient: clipped[index] ?? '' })),
    rate,
  )
  // What is frozen, or neither learnt nor kept up by a layer, stays as it is.
  const held = new Set(parts.network.weights.flatMap(({ name, frozen }) => (frozen === true ? [name] : [])))
  const nextOf = (name: string): string => (held.has(name) ? name : (next.get(name) ?? kept.get(name) ?? name))
  return { next: carried.map(({ name }) => nextOf(name)), loss: data }
}

type Images = { readonly features: string; readonly group: string | undefined; readonly context: Context }

/** A batch's levels, changed by chance where the study says so, as z-scores. */
function appendImages(b: GraphBuilder, options: StepOptions, { features, group, context }: Images): string {
  const levels = appendLevels(b, features)
  const { augment } = options.training
  const draws = augment === undefined ? undefined : context.draw?.(augmentDraws)
  const changed =
    augment === undefined || draws === undefined
      ? levels
      : appendAugmentation(b, augment, { levels, draws, extents: extentsOf(options.inputs) })
  return appendScale(b, changed, group === undefined ? {} : { group })
}

/** The data loss, and with the penalties the total that is minimised. */
function appendObjective(
  b: GraphBuilder,
  options: StepOptions,
  { parts: { network, learnt }, batch, context }: { parts: StepParts; batch: string; context: Context },
): { data: string; total: string } {
  const pick = (name: string): string => b.node('Gather', [name, batch])
  const features = pick('features')
  const group = options.groups === undefined ? undefined : pick('group')
  const x = options.pixels ? appendImages(b, options, { features, group, context }) : features
  const logits = network.append(b, x, {
    ...context,
    ...(group === undefined ? {} : { group, personal: options.model.personal }),
  })
  const data = appendLoss(b, options.training.loss, {
    logits,
    target: pick('target'),
    ...(options.weighted ? { weight: pick('weight') } : {}),
  })
  const l2 = appendL2(
    b,
    options.training.l2,
    network.weights.filter(({ learnt, penalised }) => learnt && penalised).map(({ name }) => name),
  )
  const proximal =
    options.proximalMu === undefined
      ? undefined
      : appendProximal(
          b,
          options.proximalMu,
          travelling(options, learnt).map(({ name }) => ({ weight: name, anchor: `anchor/${name}` })),
        )
  return {
    data,
    total: sum(
      b,
      [data, l2, proximal].filter((term) => term !== undefined),
    ),
  }
}
