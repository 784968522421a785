/**
 * The training graph: many steps in one `Scan`. Weights and optimizer state are carried from step to step; the scanned
 * input is the matrix of batch indices; the data set is an outer value that the body gathers from, so that it crosses into
 * the runtime once a call. Random draws come in as scanned inputs: the graph itself is deterministic.
 */
import type { ModelSpec, TrainingSpec } from '../study/model.ts'
import type { TensorSpec } from '../weights.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { differentiate } from './differentiate.ts'
import { type Graph, int, ints, subgraph, type ValueInfo } from './ir.ts'
import { appendForward, type DropoutLayer, resolveLayers, weightSpecs } from './layers.ts'
import { appendL2, appendLoss, appendProximal, sum } from './losses.ts'
import { type Optimizer, optimizerOf, type StateSpec } from './optimizers.ts'

export type EpochOptions = {
  readonly model: ModelSpec
  readonly training: Pick<TrainingSpec, 'loss' | 'optimizer' | 'l2'>
  /** Model inputs. */
  readonly inputs: number
  /** Examples in one step. */
  readonly batch: number
  /** Whether examples carry weights (class weights). */
  readonly weighted: boolean
  /** FedProx's μ over the weights that travel. */
  readonly proximalMu?: number
  /** Whether something is added to the gradients of the weights that travel (learning/local-correction.ts). */
  readonly corrected?: boolean
  /** Hospitals of a pooled data set: personal biases become tables (layers.ts). */
  readonly groups?: number
}

export type EpochGraph = {
  /**
   * Inputs, by name: `features` [rows, inputs], `target` [rows, 1], `weight` [rows, 1] if weighted, `group` int32 [rows] with
   * groups, `anchor/<weight>` with a proximal term, `correction/<weight>` with a correction, every weight and state tensor,
   * `batches` int32 [steps, batch], `draws/<dropout layer>` [steps, batch, units]. Outputs: `next/<weight or state>`, and `losses` [steps]: each step's data loss,
   * before the step, without penalties.
   */
  readonly graph: Graph
  readonly weights: readonly TensorSpec[]
  readonly state: readonly StateSpec[]
  readonly dropouts: readonly DropoutLayer[]
}

export function epochGraph(options: EpochOptions): EpochGraph {
  const weights = weightSpecs(options.model, options.inputs, options.groups)
  const optimizer = optimizerOf(options.training.optimizer)
  const state = optimizer.state(weights)
  const dropouts = resolveLayers(options.model, options.inputs).filter(
    (layer) => layer.kind === 'dropout' && layer.rate > 0,
  ) as DropoutLayer[]
  const parts = { weights, state, dropouts, optimizer }

  const b = graphBuilder()
  const outer = outerValues(options, weights).map((value) => ({ ...value, name: b.input(value) }))
  const carried = [...weights, ...state].map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))
  for (const value of carried) b.input(value)
  const scanned: ValueInfo[] = [
    { name: 'batches', type: 'int32', shape: ['steps', options.batch] },
    ...dropouts.map(
      (layer): ValueInfo => ({
        name: `draws/${layer.name}`,
        type: 'float32',
        shape: ['steps', options.batch, layer.units],
      }),
    ),
  ]
  for (const value of scanned) b.input(value)

  const outputs: ValueInfo[] = [
    ...carried.map((value) => ({ ...value, name: `next/${value.name}` })),
    { name: 'losses', type: 'float32', shape: ['steps'] },
  ]
  b.call(
    'Scan',
    [...carried, ...scanned].map(({ name }) => name),
    {
      outputs,
      attributes: {
        body: subgraph(stepGraph(options, { ...parts, outer })),
        num_scan_inputs: int(scanned.length),
        scan_input_axes: ints(scanned.map(() => 0)),
      },
    },
  )
  return {
    graph: b.build(
      'epoch',
      outputs.map(({ name }) => name),
    ),
    weights,
    state,
    dropouts,
  }
}

type Parts = {
  weights: readonly TensorSpec[]
  state: readonly StateSpec[]
  dropouts: readonly DropoutLayer[]
  optimizer: Optimizer
}

const travelling = <T extends TensorSpec>({ model }: EpochOptions, weights: readonly T[]): T[] =>
  weights.filter(({ name }) => !model.personal.includes(name))

/** The data set, the anchors and the corrections: the same for every step. */
function outerValues(options: EpochOptions, weights: readonly TensorSpec[]): ValueInfo[] {
  const anchored = options.proximalMu === undefined ? [] : travelling(options, weights)
  const corrected = options.corrected ? travelling(options, weights) : []
  return [
    { name: 'features', type: 'float32', shape: ['rows', options.inputs] },
    { name: 'target', type: 'float32', shape: ['rows', 1] },
    ...(options.weighted ? [{ name: 'weight', type: 'float32' as const, shape: ['rows', 1] }] : []),
    ...(options.groups === undefined ? [] : [{ name: 'group', type: 'int32' as const, shape: ['rows'] }]),
    ...anchored.map(({ name, shape }) => ({ name: `anchor/${name}`, type: 'float32' as const, shape })),
    ...corrected.map(({ name, shape }) => ({ name: `correction/${name}`, type: 'float32' as const, shape })),
  ]
}

/** One step: gather the batch, forward, loss, gradients, optimizer. Its carried inputs keep the names of the weights. */
function stepGraph(
  options: EpochOptions,
  { weights, state, dropouts, optimizer, outer }: Parts & { outer: readonly ValueInfo[] },
): Graph {
  const b = graphBuilder('step/')
  for (const value of outer) b.outer(value)
  for (const { name, shape } of [...weights, ...state]) b.input({ name, type: 'float32', shape })
  const batch = b.input({ name: 'step/batch', type: 'int32', shape: [options.batch] })
  const draws = new Map(
    dropouts.map((layer) => [
      layer.name,
      b.input({ name: `step/draws/${layer.name}`, type: 'float32', shape: [options.batch, layer.units] }),
    ]),
  )
  const { data, total } = appendObjective(b, options, { weights, batch, draws })
  const gradients = differentiate(
    b,
    total,
    weights.map(({ name }) => name),
  )
  const corrected = new Set(options.corrected ? travelling(options, weights).map(({ name }) => name) : [])
  const correct = (name: string, gradient: string): string =>
    corrected.has(name) ? b.node('Add', [gradient, `correction/${name}`]) : gradient
  const next = optimizer.step(
    b,
    weights.map(({ name }, index) => ({ name, gradient: correct(name, gradients[index] ?? '') })),
  )
  const outputs = [...weights, ...state].map(({ name }) => next.get(name) ?? '')
  // A Scan body's outputs must be values of its own, each once: Identity makes them so.
  return b.build(
    'step',
    [...outputs, data].map((name) => b.node('Identity', [name])),
  )
}

/** The data loss, and with the penalties the total that is minimised. */
function appendObjective(
  b: GraphBuilder,
  options: EpochOptions,
  { weights, batch, draws }: { weights: readonly TensorSpec[]; batch: string; draws: ReadonlyMap<string, string> },
): { data: string; total: string } {
  const pick = (name: string): string => b.node('Gather', [name, batch])
  const logits = appendForward(
    b,
    { layers: resolveLayers(options.model, options.inputs), x: pick('features') },
    { draws, ...(options.groups === undefined ? {} : { group: pick('group'), personal: options.model.personal }) },
  )
  const data = appendLoss(b, options.training.loss, {
    logits,
    target: pick('target'),
    ...(options.weighted ? { weight: pick('weight') } : {}),
  })
  const l2 = appendL2(
    b,
    options.training.l2,
    weights.map(({ name }) => name).filter((name) => name.endsWith('.kernel')),
  )
  const proximal =
    options.proximalMu === undefined
      ? undefined
      : appendProximal(
          b,
          options.proximalMu,
          travelling(options, weights).map(({ name }) => ({ weight: name, anchor: `anchor/${name}` })),
        )
  return {
    data,
    total: sum(
      b,
      [data, l2, proximal].filter((term) => term !== undefined),
    ),
  }
}
