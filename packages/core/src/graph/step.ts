/** One step of training as nodes of a graph: gather the batch, forward, loss, gradients, optimizer. */
import type { ModelSpec, TrainingSpec } from '../study/model.ts'
import type { TensorSpec } from '../weights.ts'
import { accumulate, isDivided, refuseStatistics } from './accumulate.ts'
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

export type StepOptions = {
  readonly model: ModelSpec
  readonly training: Pick<TrainingSpec, 'loss' | 'optimizer' | 'l2' | 'clipGradients' | 'microbatch'>
  /** What an example is to the model. */
  readonly inputs: Inputs
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
   * The same for every step: `features` [rows, …inputs], `target` [rows, 1], `weight` [rows, 1] if weighted, `group` int32 [rows] with groups,
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
  const { draws } = network
  return { network, weights, learnt, state, draws, optimizer, outer: outerValues(options, learnt), carried }
}

/** Of weights that are learnt. */
const travelling = <T extends TensorSpec>({ model }: StepOptions, learnt: readonly T[]): T[] =>
  learnt.filter(({ name }) => !model.personal.includes(name))

function outerValues(options: StepOptions, learnt: readonly TensorSpec[]): ValueInfo[] {
  const anchored = options.proximalMu === undefined ? [] : travelling(options, learnt)
  const corrected = options.corrected ? travelling(options, learnt) : []
  return [
    { name: 'features', type: 'float32', shape: ['rows', ...extentsOf(options.inputs)] },
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
  const { data, gradients } = isDivided(options.training.microbatch, options.batch)
    ? inParts(b, options, { parts, batch, draws })
    : atOnce(b, options, { parts, batch, context: { draw: ({ name }) => draws.get(name), keep } })
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

type Objective = { readonly data: string; readonly gradients: readonly string[] }

/** The data loss, and the gradients of all that is minimised, penalties with it. */
function atOnce(b: GraphBuilder, options: StepOptions, { parts, ...given }: Given & { parts: StepParts }): Objective {
  const data = appendData(b, options, { network: parts.network, ...given })
  const total = sum(b, [data, ...penalties(b, options, parts).map(({ value }) => value)])
  return {
    data,
    gradients: differentiate(
      b,
      total,
      parts.learnt.map(({ name }) => name),
    ),
  }
}

/** The same, of a batch whose parts are worked on one after another (accumulate.ts). Penalties are of no part. */
function inParts(
  b: GraphBuilder,
  options: StepOptions,
  { parts, batch, draws }: { parts: StepParts; batch: string; draws: ReadonlyMap<string, string> },
): Objective {
  const { network, learnt, weights, outer } = parts
  if (network.weights.some(isStatistic)) refuseStatistics()
  const pulls = new Map<string, string>()
  for (const { value, of } of penalties(b, options, parts))
    for (const [index, gradient] of differentiate(b, value, of).entries()) {
      const before = pulls.get(of[index] ?? '')
      pulls.set(of[index] ?? '', before === undefined ? gradient : b.node('Add', [before, gradient]))
    }
  const notLearnt = weights.filter(({ name }) => !learnt.some((spec) => spec.name === name))
  const { loss, gradients } = accumulate(b, {
    whole: { batch, draws },
    examples: options.batch,
    microbatch: options.training.microbatch ?? options.batch,
    learnt,
    draws: parts.draws,
    outer: [...outer, ...notLearnt.map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))],
    loss: (own, part) =>
      appendData(own, options, {
        network,
        batch: part.batch,
        context: { draw: ({ name }) => part.draws.get(name), keep: refuseStatistics },
      }),
  })
  const pulled = (name: string, gradient: string): string => {
    const pull = pulls.get(name)
    return pull === undefined ? gradient : b.node('Add', [gradient, pull])
  }
  return { data: loss, gradients: learnt.map(({ name }, index) => pulled(name, gradients[index] ?? '')) }
}

/** What a layer keeps up itself. */
const isStatistic = (weight: Network['weights'][number]): boolean => !weight.learnt && weight.frozen !== true

type Given = { readonly batch: string; readonly context: Context }

/** The mean loss of the examples of a batch. */
function appendData(
  b: GraphBuilder,
  options: StepOptions,
  { network, batch, context }: Given & { network: Network },
): string {
  const pick = (name: string): string => b.node('Gather', [name, batch])
  const logits = network.append(b, pick('features'), {
    ...context,
    ...(options.groups === undefined ? {} : { group: pick('group'), personal: options.model.personal }),
  })
  return appendLoss(b, options.training.loss, {
    logits,
    target: pick('target'),
    ...(options.weighted ? { weight: pick('weight') } : {}),
  })
}

/** What is added to the data loss, and the weights that each term is about. */
function penalties(
  b: GraphBuilder,
  options: StepOptions,
  { network, learnt }: StepParts,
): readonly { readonly value: string; readonly of: readonly string[] }[] {
  const kernels = network.weights.filter((weight) => weight.learnt && weight.penalised).map(({ name }) => name)
  const l2 = appendL2(b, options.training.l2, kernels)
  const anchored = travelling(options, learnt).map(({ name }) => name)
  const pairs = anchored.map((name) => ({ weight: name, anchor: `anchor/${name}` }))
  const proximal = options.proximalMu === undefined ? undefined : appendProximal(b, options.proximalMu, pairs)
  return [
    ...(l2 === undefined ? [] : [{ value: l2, of: kernels }]),
    ...(proximal === undefined ? [] : [{ value: proximal, of: anchored }]),
  ]
}
