/**
 * The training graph: many steps in one `Scan`. Weights and optimizer state are carried from step to step; the scanned
 * input is the matrix of batch indices; the data set is an outer value that the body gathers from, so that it crosses into
 * the runtime once a call. Random draws come in as scanned inputs: the graph itself is deterministic.
 */
import type { TensorSpec } from '../weights.ts'
import { graphBuilder } from './builder.ts'
import { type Graph, int, ints, subgraph, type ValueInfo } from './ir.ts'
import type { DrawSpec } from './layers/layer.ts'
import type { StateSpec } from './optimizers/optimizer.ts'
import { appendStep, type StepOptions, type StepParts, stepParts } from './step.ts'

export type EpochGraph = {
  /**
   * Inputs, by name: the outer values and the carried ones (step.ts), `batches` int32 [steps, batch], `draws/<layer>` [steps, batch, …extents],
   * and `rates` [steps] if scheduled.
   * Outputs: `next/<weight or state>`, and `losses` [steps]: each step's data loss, before the step, without penalties.
   */
  readonly graph: Graph
  readonly weights: readonly TensorSpec[]
  readonly state: readonly StateSpec[]
  readonly draws: readonly DrawSpec[]
}

export function epochGraph(options: StepOptions): EpochGraph {
  const parts = stepParts(options)
  const { weights, state, draws, carried } = parts
  const b = graphBuilder()
  for (const value of [...parts.outer, ...carried]) b.input(value)
  const scanned: ValueInfo[] = [
    { name: 'batches', type: 'int32', shape: ['steps', options.batch] },
    ...draws.map(
      (layer): ValueInfo => ({
        name: `draws/${layer.name}`,
        type: 'float32',
        shape: ['steps', options.batch, ...layer.extents],
      }),
    ),
    ...(options.scheduled ? [{ name: 'rates', type: 'float32' as const, shape: ['steps'] }] : []),
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
        body: subgraph(bodyGraph(options, parts)),
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
    draws,
  }
}

function bodyGraph(options: StepOptions, parts: StepParts): Graph {
  const b = graphBuilder('step/')
  for (const value of parts.outer) b.outer(value)
  const { next, loss } = appendStep(b, options, parts)
  // A Scan body's outputs must be values that its nodes make, each once: Identity makes others so. Of a small model every node is felt.
  const made = new Set(b.nodes().flatMap(({ outputs }) => outputs))
  return b.build(
    'step',
    [...next, loss].map((name) => (made.delete(name) ? name : b.node('Identity', [name]))),
  )
}
