/** A study's model as the graphs see it: its weights, what it must be given, and how it is appended to a graph. */

import { WardroundError } from '../errors.ts'
import type { Activation, LayerSpec } from '../study/layers.ts'
import type { LayersModel, ModelSpec, OnnxSpec } from '../study/model.ts'
import type { TensorSpec } from '../weights.ts'
import type { GraphBuilder } from './builder.ts'
import { appendLayers } from './layers/branches.ts'
import type { Affine, Context, DrawSpec, Extents, WeightSpec } from './layers/layer.ts'
import { kindOf, resolveLayers } from './layers/resolve.ts'

/** The extents of one example; of a table's row, how many inputs it has. */
export type Inputs = number | Extents

export type Network = {
  readonly input: Extents
  readonly output: Extents
  /** In model order. */
  readonly weights: readonly WeightSpec[]
  readonly draws: readonly DrawSpec[]
  /** Of its first layer, if nothing else sees what comes in. */
  readonly entrance?: Affine
  /** What the model itself says that its outputs go through: the losses do that by themselves. */
  readonly activation: Activation
  /** Appends the model to `b`, which knows its weights by name: from `x` [batch, …input] to its *logits* [batch, …output], before `activation`. */
  append(b: GraphBuilder, x: string, context: Context): string
}

export const extentsOf = (inputs: Inputs): Extents => (typeof inputs === 'number' ? [inputs] : inputs)

type FromFile = (file: Pick<OnnxSpec, 'graph'>) => Network
let fromFile: FromFile = () => {
  throw new WardroundError('WR_INTERNAL', { what: 'a model from a file before import/planned.ts was loaded' })
}

/** How a model from a file becomes a network. import/planned.ts says it when it is loaded: with all that reads files it is half of what a trainer's process would load, and most need not. */
export function readFilesBy(read: FromFile): void {
  fromFile = read
}

/** However the model is given. Errors: WR_STUDY_INVALID where its layers do not fit together; WR_GRAPH_INVALID, WR_GRAPH_REFUSED for a file that is not to be trained. */
export function networkOf(model: ModelSpec, inputs: Inputs): Network {
  const network = 'onnx' in model ? fromFile(model.onnx) : networkOfLayers(model, extentsOf(inputs))
  const { frozen = [] } = model
  return { ...network, weights: network.weights.map((spec) => heldBy(frozen, spec)) }
}

function networkOfLayers({ layers: specs }: Pick<LayersModel, 'layers'>, input: Extents): Network {
  const { activation, rest } = withoutLastActivation(specs)
  const layers = resolveLayers(rest, input)
  return {
    input,
    output: layers.at(-1)?.output ?? input,
    weights: layers.flatMap(({ weights }) => weights),
    draws: layers.flatMap(({ draws }) => draws),
    activation,
    ...(layers[0]?.affine && { entrance: layers[0].affine }),
    append: (b, x, context) => appendLayers(b, layers, { x, context }),
  }
}

const heldBy = (frozen: readonly string[], spec: WeightSpec): WeightSpec =>
  frozen.some((name) => isNamed(spec.name, name)) ? { ...spec, learnt: false, frozen: true } : spec

/** Whether a name in a study is that of a tensor, or with a last `*` of its beginning. */
export const isNamed = (tensor: string, name: string): boolean =>
  name.endsWith('*') ? tensor.startsWith(name.slice(0, -1)) : tensor === name

function withoutLastActivation(specs: readonly LayerSpec[]): { activation: Activation; rest: readonly LayerSpec[] } {
  const last = specs.at(-1)
  if (last === undefined || !('activation' in last)) return { activation: 'linear', rest: specs }
  const { activation } = last
  const before = specs.slice(0, -1)
  return {
    activation,
    rest: kindOf(last) === 'activation' ? before : [...before, { ...last, activation: 'linear' }],
  }
}

/**
 * The tensors of the model, in model order. With `groups`, a personal bias is a table [groups, outputs]: one row for each hospital of a pooled data set.
 */
export function weightSpecs(model: ModelSpec, inputs: Inputs, groups?: number): readonly TensorSpec[] {
  return networkOf(model, inputs).weights.map(({ name, shape }) => ({
    name,
    shape: tableShape(model, { name, shape }, groups),
  }))
}

const tableShape = (model: ModelSpec, { name, shape }: TensorSpec, groups: number | undefined): readonly number[] =>
  groups !== undefined && isTable(model, name) ? [groups, ...shape] : shape

/** Whether each hospital of a pooled data set has a row of it. What a file does with its weights is not ours to change. */
export const isTable = (model: ModelSpec, name: string): boolean =>
  'layers' in model && model.personal.includes(name) && name.endsWith('.bias')

/** The specs of what travels, and of what stays at each hospital. What is frozen does neither: it is where it starts. */
export function splitSpecs(
  model: ModelSpec,
  inputs: Inputs,
): { shared: readonly TensorSpec[]; personal: readonly TensorSpec[]; frozen: readonly TensorSpec[] } {
  const { weights } = networkOf(model, inputs)
  const named = (pick: (spec: WeightSpec) => boolean): readonly TensorSpec[] =>
    weights.filter(pick).map(({ name, shape }) => ({ name, shape }))
  const isPersonal = ({ name }: WeightSpec): boolean => model.personal.includes(name)
  return {
    shared: named((spec) => spec.frozen !== true && !isPersonal(spec)),
    personal: named((spec) => spec.frozen !== true && isPersonal(spec)),
    frozen: named((spec) => spec.frozen === true),
  }
}
