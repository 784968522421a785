/** One step of training as nodes of a graph: gather the batch, forward, loss, gradients, optimizer. */
import { WardroundError } from '../errors.ts'
import type { ModelSpec, TrainingSpec } from '../study/model.ts'
import { logitAdjustmentIn, type Outcome, outcomeOf } from '../study/outcome.ts'
import type { TensorSpec } from '../weights.ts'
import { augmentDraws } from './augment.ts'
import type { GraphBuilder } from './builder.ts'
import { clipGradients } from './clip-gradients.ts'
import { differentiate } from './differentiate.ts'
import type { ValueInfo } from './ir.ts'
import type { Context, DrawSpec } from './layers/layer.ts'
import { sum } from './losses/penalties.ts'
import { extentsOf, type Inputs, type Network, networkOf, weightSpecs } from './network.ts'
import { adjustmentInput, appendDataLoss, appendPenalties, pickRows, travelling } from './objective.ts'
import type { Optimizer, StateSpec } from './optimizers/optimizer.ts'
import { optimizerOf } from './optimizers/registry.ts'
import { type Packing, pack, unpack } from './packing.ts'
import type { PrivacyOptions } from './per-example/private-gradients.ts'
import { pixelScaleInputs } from './pixels.ts'

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
  /** Whether gradients are clipped example by example and get noise (per-example/private-gradients.ts). */
  readonly privacy?: PrivacyOptions
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
   * The same for every step: `features` [rows, …inputs] (of images uint8, with what they are scaled by: pixels.ts), `target` (targetInput()), `weight` [rows, 1] if weighted, `adjustment` [1, classes] if the loss adjusts logits, `group` int32 [rows] with groups,
   * `anchor/<weight>` with a proximal term, `correction/<weight>` with a correction.
   */
  readonly outer: readonly ValueInfo[]
  /** Goes into a step and comes out of it: the weights, then the state. */
  readonly carried: readonly ValueInfo[]
  /** Those of them that are carried as one (packing.ts). */
  readonly packing?: Packing | undefined
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
  return { network, weights, learnt, state, draws, optimizer, outer: outerValues(options, network, learnt), carried }
}

const isAugmented = ({ pixels = false, training }: StepOptions): boolean => pixels && training.augment !== undefined

function outerValues(options: StepOptions, { output }: Network, learnt: readonly TensorSpec[]): ValueInfo[] {
  const anchored = options.proximalMu === undefined ? [] : travelling(options, learnt)
  const corrected = options.corrected ? travelling(options, learnt) : []
  return [
    { name: 'features', type: options.pixels ? 'uint8' : 'float32', shape: ['rows', ...extentsOf(options.inputs)] },
    ...(options.pixels ? pixelScaleInputs(extentsOf(options.inputs), options.groups) : []),
    targetInput(outcomeOf(options.training.loss), { inputs: options.inputs, rows: 'rows' }),
    ...(options.weighted ? [{ name: 'weight', type: 'float32' as const, shape: ['rows', 1] }] : []),
    ...(logitAdjustmentIn(options.training.loss) === undefined
      ? []
      : [{ name: adjustmentInput, type: 'float32' as const, shape: [1, ...output] }]),
    ...(options.groups === undefined ? [] : [{ name: 'group', type: 'int32' as const, shape: ['rows'] }]),
    ...anchored.map(({ name, shape }) => ({ name: `anchor/${name}`, type: 'float32' as const, shape })),
    ...corrected.map(({ name, shape }) => ({ name: `correction/${name}`, type: 'float32' as const, shape })),
  ]
}

/** [rows, 1], or of survival [rows, 2], or of masks their label indices uint8 [rows, 1, height, width]. */
export function targetInput(outcome: Outcome, { inputs, rows }: { inputs: Inputs; rows: number | string }): ValueInfo {
  if (outcome !== 'segmentation')
    return { name: 'target', type: 'float32', shape: [rows, outcome === 'survival' ? 2 : 1] }
  const [, ...space] = extentsOf(inputs)
  return { name: 'target', type: 'uint8', shape: [rows, 1, ...space] }
}

/** The names of a step's own inputs: batch indices int32 [batch], a layer's draws [batch, …extents], and the rate [] if scheduled. */
export const batchInput = 'step/batch'
export const drawsInput = (layer: Pick<DrawSpec, 'name'>): string => `step/draws/${layer.name}`
export const rateInput = 'step/rate'
/** Of a private step: 1 for an example that is in the batch, 0 for one that only fills it up, [batch, 1]; and standard normal draws in a weight's shape. */
export const countedInput = 'step/counted'
export const noiseInput = ({ name }: Pick<TensorSpec, 'name'>): string => `step/noise/${name}`

/** What a step carries on: what is left by itself, and what is packed. */
export function carriedBy({ carried, packing }: StepParts): readonly ValueInfo[] {
  const vectors = packing?.vectors ?? []
  const packed = new Set(vectors.flatMap(({ tensors }) => tensors.map(({ name }) => name)))
  return [...carried.filter(({ name }) => !packed.has(name)), ...vectors.map(({ value }) => value)]
}

/** What a step takes gradients with respect to. */
const piecesOf = ({ learnt, packing }: StepParts): readonly TensorSpec[] => packing?.pieces ?? learnt

/** The value names of what is carried on, in order, and of the step's data loss, before the step and without penalties. */
export type Step = { readonly next: readonly string[]; readonly loss: string }

/** Appends a step to `b`, which knows the outer values already. Carried inputs, or what is taken out of them, have the names of the weights. */
export function appendStep(b: GraphBuilder, options: StepOptions, parts: StepParts): Step {
  appendCarried(b, parts)
  const batch = b.input({ name: batchInput, type: 'int32', shape: [options.batch] })
  const draws = drawsInputs(b, parts, options.batch)
  const kept = new Map<string, string>()
  const keep = (tensor: string, next: string): void => void kept.set(tensor, next)
  const draw: NonNullable<Context['draw']> = ({ name }) => draws.get(name)
  const { data, gradients } = appendGradients(b, options, { parts, batch, draw, keep })
  return { next: appendUpdate(b, options, { parts, gradients, kept }), loss: data }
}

/** What is carried on, and the tensors in it. */
export function appendCarried(b: GraphBuilder, parts: StepParts): void {
  for (const value of carriedBy(parts)) b.input(value)
  const [packed] = parts.packing?.vectors ?? []
  if (packed !== undefined) unpack(b, packed.value.name, piecesOf(parts))
}

/** By the layers' names. */
export const drawsInputs = (b: GraphBuilder, { draws }: StepParts, examples: number): ReadonlyMap<string, string> =>
  new Map(
    draws.map((layer) => [
      layer.name,
      b.input({ name: drawsInput(layer), type: 'float32', shape: [examples, ...layer.extents] }),
    ]),
  )

/** What the examples of a step come to. */
type Learnt = {
  readonly parts: StepParts
  /** Of what is learnt, or of the pieces of it that are taken out of a vector, in order, with penalties. */
  readonly gradients: readonly string[]
  /** The next values of what layers keep up themselves. */
  readonly kept: ReadonlyMap<string, string>
}

/** From gradients to the next value of each carried one: corrections, clipping, the optimizer. */
export function appendUpdate(
  b: GraphBuilder,
  options: StepOptions,
  { parts, gradients, kept }: Learnt,
): readonly string[] {
  const { learnt } = parts
  const pieces = piecesOf(parts)
  const [packed] = parts.packing?.vectors ?? []
  const rate = options.scheduled ? b.input({ name: rateInput, type: 'float32', shape: [] }) : undefined
  const corrected = new Set(options.corrected ? travelling(options, learnt).map(({ name }) => name) : [])
  const correct = (name: string, gradient: string): string =>
    corrected.has(name) ? b.node('Add', [gradient, `correction/${name}`]) : gradient
  const corrections = pieces.map(({ name }, index) => correct(name, gradients[index] ?? ''))
  const clipped = clipGradients(b, options.training.clipGradients, corrections)
  const parameters =
    packed === undefined
      ? pieces.map(({ name }, index) => ({ name, gradient: clipped[index] ?? '' }))
      : [{ name: packed.value.name, gradient: pack(b, clipped) }]
  const next = parts.optimizer.step(b, parameters, rate)
  // What is frozen, or neither learnt nor kept up by a layer, stays as it is.
  const held = new Set(parts.network.weights.flatMap(({ name, frozen }) => (frozen === true ? [name] : [])))
  return carriedBy(parts).map(({ name }) => (held.has(name) ? name : (next.get(name) ?? kept.get(name) ?? name)))
}

/** Uniform draws of the model's for the examples of the step, and where layers put what they keep up themselves. */
export type StepGiven = {
  readonly parts: StepParts
  readonly batch: string
  readonly draw: NonNullable<Context['draw']>
  readonly keep: NonNullable<Context['keep']>
}

/** Of a step: the data loss without penalties, and the gradients of what is learnt, with them. */
export type Gradients = { readonly data: string; readonly gradients: readonly string[] }

type PrivateGradients = (
  b: GraphBuilder,
  options: StepOptions & { readonly privacy: PrivacyOptions },
  given: StepGiven,
) => Gradients
let appendPrivateGradients: PrivateGradients = () => {
  throw new WardroundError('WR_INTERNAL', { what: 'a private step before private-step.ts was loaded' })
}

/** How a step's gradients become private. private-step.ts says it when it is loaded: it is a tenth of what a trainer's process would load, and most need not. */
export function makePrivateBy(append: PrivateGradients): void {
  appendPrivateGradients = append
}

function appendGradients(b: GraphBuilder, options: StepOptions, given: StepGiven): Gradients {
  const { privacy } = options
  return privacy === undefined
    ? appendAtOnce(b, options, given)
    : appendPrivateGradients(b, { ...options, privacy }, given)
}

function appendAtOnce(b: GraphBuilder, options: StepOptions, { parts, batch, draw, keep }: StepGiven): Gradients {
  const { packing } = parts
  const context = { draw, keep, ...(packing?.joined && { joined: packing.joined }) }
  const rows = pickRows(b, options, { batch, context })
  const data = appendDataLoss(b, options, { network: parts.network, context, rows })
  const terms = [data, ...appendPenalties(b, options, parts)]
  const names = piecesOf(parts).map(({ name }) => name)
  return { data, gradients: differentiate(b, sum(b, terms), names) }
}
