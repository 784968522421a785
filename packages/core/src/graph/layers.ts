/** From a study's list of layers to the forward graph, its weights and their first values. */
import { WardroundError } from '../errors.ts'
import type { Random } from '../random.ts'
import { type Loss, lossName, type Outcome, outcomeOf } from '../study/loss.ts'
import type { Activation, ModelSpec } from '../study/model.ts'
import { sizeOf, type TensorSpec, type Weights } from '../weights.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import type { Graph } from './ir.ts'

export type DenseLayer = {
  readonly kind: 'dense'
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly activation: Activation
}
export type DropoutLayer = {
  readonly kind: 'dropout'
  readonly name: string
  readonly rate: number
  readonly units: number
}
export type Layer = DenseLayer | DropoutLayer

/** The layers with their names and sizes worked out. Unnamed ones are `dense`, `dense_2`, …; Keras counts from `dense_1`. */
export function resolveLayers(model: ModelSpec, inputs: number): readonly Layer[] {
  const taken = new Set<string>()
  let width = inputs
  return model.layers.map((spec): Layer => {
    const name = spec.name ?? freshName('dense' in spec ? 'dense' : 'dropout', taken)
    if (taken.has(name)) throw misfit(`model.layers`, `two layers are called ${name}`)
    taken.add(name)
    if ('dropout' in spec) return { kind: 'dropout', name, rate: spec.dropout, units: width }
    const layer: Layer = { kind: 'dense', name, inputs: width, outputs: spec.dense, activation: spec.activation }
    width = spec.dense
    return layer
  })
}

function freshName(stem: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}_${number}`
    if (!taken.has(name)) return name
  }
}

/**
 * The tensors that the model learns, in model order: `<layer>.kernel` [inputs, outputs] and `<layer>.bias` [outputs].
 * With `groups`, a personal bias is a table [groups, outputs]: one row for each hospital of a pooled data set.
 */
export function weightSpecs(model: ModelSpec, inputs: number, groups?: number): readonly TensorSpec[] {
  return resolveLayers(model, inputs).flatMap((layer) => {
    if (layer.kind !== 'dense') return []
    const bias = `${layer.name}.bias`
    const table = groups !== undefined && model.personal.includes(bias)
    return [
      { name: `${layer.name}.kernel`, shape: [layer.inputs, layer.outputs] },
      { name: bias, shape: table ? [groups, layer.outputs] : [layer.outputs] },
    ]
  })
}

/** The specs of what travels, and of what stays at each hospital. */
export function splitSpecs(
  model: ModelSpec,
  inputs: number,
): { shared: readonly TensorSpec[]; personal: readonly TensorSpec[] } {
  const specs = weightSpecs(model, inputs)
  return {
    shared: specs.filter(({ name }) => !model.personal.includes(name)),
    personal: specs.filter(({ name }) => model.personal.includes(name)),
  }
}

export type InitialOptions = { readonly inputs: number; readonly random: Random; readonly rangeLength: number }

/**
 * First values, in model order, at most `rangeLength` at a time: what the study gives, and else kernels uniform in ±√(6 / (inputs + outputs)) (Glorot and
 * Bengio 2010, eq. 16), biases zero. Only exact operations and a correctly rounded root, so that every machine gets the same bits.
 */
export function* initialRanges(
  model: ModelSpec,
  { inputs, random, rangeLength }: InitialOptions,
): Generator<{ readonly name: string; readonly values: Float32Array<ArrayBuffer> }> {
  for (const { name, shape } of weightSpecs(model, inputs)) {
    const given = model.start?.[name]
    const [fanIn, fanOut] = shape
    const limit = fanIn === undefined || fanOut === undefined ? 0 : Math.sqrt(6 / (fanIn + fanOut))
    const size = sizeOf(shape)
    for (let start = 0; start < size; start += rangeLength) {
      const values = new Float32Array(Math.min(rangeLength, size - start))
      if (given !== undefined) values.set(given.slice(start, start + values.length))
      else if (limit > 0) for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * limit
      yield { name, values }
    }
  }
}

/** The same, whole. */
export function initialWeights(model: ModelSpec, inputs: number, random: Random): Weights {
  const specs = new Map(weightSpecs(model, inputs).map(({ name, shape }) => [name, shape]))
  const whole = initialRanges(model, { inputs, random, rangeLength: Number.POSITIVE_INFINITY })
  return Array.from(whole, ({ name, values }) => ({ name, shape: specs.get(name) ?? [], data: values }))
}

/** The last layer's activations: that of the outcome, or none, which means the same. */
const fitting: Record<Outcome, readonly Activation[]> = {
  binary: ['linear', 'sigmoid'],
  multiclass: ['linear', 'softmax'],
  regression: ['linear'],
}

/** Errors: WR_STUDY_INVALID where the layers, the loss and the personal names do not fit together. */
export function checkModel(model: ModelSpec, { inputs, loss }: { inputs: number; loss: Loss }): void {
  const layers = resolveLayers(model, inputs)
  const last = layers.at(-1)
  if (last?.kind !== 'dense') throw misfit('model.layers', 'the last layer must be dense')
  const [outcome, name] = [outcomeOf(loss), lossName(loss)]
  if (!fitting[outcome].includes(last.activation)) {
    throw misfit(
      'model.layers',
      `with ${name} the last layer's activation is ${fitting[outcome].join(' or ')}, not ${last.activation}`,
    )
  }
  if (outcome === 'multiclass' ? last.outputs < 2 : last.outputs !== 1) {
    throw misfit(
      'model.layers',
      `with ${name} the last layer has ${outcome === 'multiclass' ? 'one output a class' : 'one output'}, not ${last.outputs}`,
    )
  }
  const specs = weightSpecs(model, inputs)
  const names = specs.map(({ name }) => name)
  for (const [field, named] of Object.entries({ personal: model.personal, start: Object.keys(model.start ?? {}) })) {
    const unknown = named.find((name) => !names.includes(name))
    if (unknown !== undefined)
      throw misfit(`model.${field}`, `there is no weight ${unknown}; there are ${names.join(', ')}`)
  }
  for (const { name, shape } of specs) {
    const given = model.start?.[name]
    if (given !== undefined && given.length !== sizeOf(shape))
      throw misfit('model.start', `${name} has ${sizeOf(shape)} values (${shape.join(' by ')}), not ${given.length}`)
  }
  if (names.every((name) => model.personal.includes(name))) throw misfit('model.personal', 'nothing is left to share')
}

const misfit = (field: string, problem: string): WardroundError =>
  new WardroundError('WR_STUDY_INVALID', { field, problem })

export type ForwardOptions = {
  /** While training: the name of each dropout layer's uniform draws [batch, units]. Absent: dropout does nothing. */
  readonly draws?: ReadonlyMap<string, string>
  /** The name of each example's row in the personal bias tables, int32 [batch]. */
  readonly group?: string
  readonly personal?: readonly string[]
}

/** Appends the layers to `b` and returns the *logits*: the last layer before its activation, [batch, outputs]. */
export function appendForward(
  b: GraphBuilder,
  { layers, x }: { layers: readonly Layer[]; x: string },
  options: ForwardOptions = {},
): string {
  return layers.reduce((value, layer, index) => {
    if (layer.kind === 'dropout') return appendDropout(b, { layer, x: value }, options.draws?.get(layer.name))
    const z = appendDense(b, { layer, x: value }, options)
    return index === layers.length - 1 ? z : appendActivation(b, z, layer.activation)
  }, x)
}

function appendDense(b: GraphBuilder, { layer, x }: { layer: DenseLayer; x: string }, options: ForwardOptions): string {
  const [kernel, bias] = [`${layer.name}.kernel`, `${layer.name}.bias`]
  if (options.group === undefined || options.personal?.includes(bias) !== true) return b.node('Gemm', [x, kernel, bias])
  return b.node('Add', [b.node('MatMul', [x, kernel]), b.node('Gather', [bias, options.group])])
}

/** Inverted dropout (Srivastava et al. 2014): what is kept is scaled up, so that prediction needs no change. */
function appendDropout(
  b: GraphBuilder,
  { layer, x }: { layer: DropoutLayer; x: string },
  draws: string | undefined,
): string {
  if (draws === undefined || layer.rate === 0) return x
  const kept = b.node('GreaterOrEqual', [draws, b.scalar(layer.rate)])
  return b.node('Mul', [x, b.node('Where', [kept, b.scalar(1 / (1 - layer.rate)), b.scalar(0)])])
}

export function appendActivation(b: GraphBuilder, z: string, activation: Activation): string {
  switch (activation) {
    case 'linear':
      return z
    case 'relu':
      return b.node('Relu', [z])
    case 'sigmoid':
      return b.node('Sigmoid', [z])
    case 'tanh':
      return b.node('Tanh', [z])
    case 'softmax':
      return b.node('Softmax', [z])
  }
}

/** What turns logits into what a person is told: a probability, one for each class, or the value itself. */
export const outputActivation = (loss: Loss): Activation => outcomeActivation[outcomeOf(loss)]
const outcomeActivation: Record<Outcome, Activation> = {
  binary: 'sigmoid',
  multiclass: 'softmax',
  regression: 'linear',
}

/**
 * The model for prediction: inputs `features` [rows, inputs] and every weight (and `group` int32 [rows] with `groups`);
 * output `prediction` [rows, outputs].
 */
export function predictionGraph({
  model,
  inputs,
  loss,
  groups,
}: {
  model: ModelSpec
  inputs: number
  loss: Loss
  groups?: number
}): Graph {
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: ['rows', inputs] })
  for (const { name, shape } of weightSpecs(model, inputs, groups)) b.input({ name, type: 'float32', shape })
  const grouped =
    groups === undefined
      ? {}
      : { group: b.input({ name: 'group', type: 'int32', shape: ['rows'] }), personal: model.personal }
  const logits = appendForward(b, { layers: resolveLayers(model, inputs), x }, grouped)
  const activated = appendActivation(b, logits, outputActivation(loss))
  return b.build('prediction', [b.node('Identity', [activated], { name: 'prediction' })])
}
