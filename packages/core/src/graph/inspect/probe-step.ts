/** A step of training as a graph, to be looked at and not run: a network of whatever origin, one loss, one optimizer. */
import type { ModelSpec, TrainingSpec } from '../../study/model.ts'
import type { OptimizerSpec } from '../../study/optimizer.ts'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import type { Graph } from '../ir.ts'
import type { Context } from '../layers/layer.ts'
import type { Inputs, Network } from '../network.ts'
import type { StateSpec } from '../optimizers/optimizer.ts'
import { optimizerOf } from '../optimizers/registry.ts'
import type { TypedShape } from '../shapes/rule.ts'
import { appendStep, stepParts } from '../step.ts'

/** A graph, and what is known of its values. */
export type TypedGraph = { readonly graph: Graph; info(name: string): TypedShape }

export type ProbeStep = {
  readonly network: Network
  readonly state: readonly StateSpec[]
  readonly batch: number
  /** From the examples to the model's output. */
  readonly forward: TypedGraph
  /** All of it: forwards, backwards, and the optimizer. */
  readonly step: TypedGraph
}

const features = 'features'

/** `kept` is what becomes of the tensors that layers keep up themselves. */
type Begun = { readonly b: GraphBuilder; readonly y: string; readonly kept: readonly string[] }

/** The model for a batch, appended to a graph of its own. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function beginProbe(network: Network, batch: number): Begun {
  const b = graphBuilder()
  const x = b.input({ name: features, type: 'float32', shape: [batch, ...network.input] })
  for (const { name, shape } of network.weights) b.input({ name, type: 'float32', shape })
  const kept: string[] = []
  const context: Context = {
    draw: ({ name, extents }) => b.input({ name: `draws/${name}`, type: 'float32', shape: [batch, ...extents] }),
    keep: (_, next) => void kept.push(next),
  }
  return { b, y: network.append(b, x, context), kept }
}

/** The mean square of the outputs stands for a loss, of which a file says nothing. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function probeStep(
  network: Network,
  { batch, optimizer: spec }: { batch: number; optimizer: OptimizerSpec },
): ProbeStep {
  const { b, y, kept } = beginProbe(network, batch)
  const forward = { graph: b.build('forward', [y]), info: b.info }
  const loss = b.node('ReduceMean', [b.node('Mul', [y, y])], { attributes: { keepdims: { kind: 'int', value: 0 } } })
  const learnt = network.weights.filter((weight) => weight.learnt)
  const optimizer = optimizerOf(spec)
  const state = optimizer.state(learnt)
  for (const { name, shape } of state) b.input({ name, type: 'float32', shape })
  const gradients = differentiate(
    b,
    loss,
    learnt.map(({ name }) => name),
  )
  const next = optimizer.step(
    b,
    learnt.map(({ name }, index) => ({ name, gradient: gradients[index] ?? '' })),
  )
  const step = { graph: b.build('step', [loss, ...next.values(), ...kept]), info: b.info }
  return { network, state, batch, forward, step }
}

/** The very step that a study asks for. Errors: WR_STUDY_INVALID. */
export function studyStep(
  { model, training }: { model: ModelSpec; training: TrainingSpec },
  { inputs, batch }: { inputs: Inputs; batch: number },
): ProbeStep {
  const options = { model, training, inputs, batch, weighted: training.classWeights !== undefined }
  const parts = stepParts(options)
  const { b: forwards, y } = beginProbe(parts.network, batch)
  const b = graphBuilder()
  for (const value of parts.outer)
    b.input({ ...value, shape: value.shape.map((extent) => (extent === 'rows' ? batch : extent)) })
  const { next, loss } = appendStep(b, options, parts)
  // What is only carried through is no output of its own.
  const carried = new Set(parts.carried.map(({ name }) => name))
  const made = next.filter((name) => !carried.has(name))
  return {
    network: parts.network,
    state: parts.state,
    batch,
    forward: { graph: forwards.build('forward', [y]), info: forwards.info },
    step: { graph: b.build('step', [loss, ...made]), info: b.info },
  }
}
