/** Random networks with batches of examples, and what clipping example by example is by its definition. */
import { layerSchema } from '../../study/layers.ts'
import type { Loss } from '../../study/loss.ts'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import { run } from '../interpreter/interpret.ts'
import { total } from '../interpreter/operators/operator.ts'
import { float32, type NumberValue, numbers, range, rearranged, type Values } from '../interpreter/values.ts'
import type { ElementType, Graph } from '../ir.ts'
import { meanOf } from '../losses/loss.ts'
import { appendLoss } from '../losses/registry.ts'
import { type Inputs, networkOf } from '../network.ts'
import { type ClippedSums, clippedSums, type Objective } from '../per-example/clipped-sums.ts'
import { between, type Draw, either, floats, oneOf } from './draws.ts'

type Input = { readonly name: string; readonly type: ElementType; readonly extents: readonly number[] }

/** A loss of examples and weights, for any number of examples. */
export type Problem = {
  /** What an example is made of. */
  readonly inputs: readonly Input[]
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly parameters: readonly string[]
  readonly append: Objective['append']
}

/** Whether a target is the number of a class. */
const isLabelled = (loss: Loss): boolean => /categorical|dice/.test(JSON.stringify(loss))

/** The loss of a list of layers; an example is its features, its target, what is drawn for it, and a weight. */
export function problemOf(layers: readonly unknown[], input: Inputs, loss: Loss = 'meanSquaredError'): Problem {
  const network = networkOf({ layers: layers.map((layer) => layerSchema.parse(layer)), personal: [] }, input)
  const target = isLabelled(loss) ? network.output.with(0, 1) : network.output
  const drawn = network.draws.map(({ name, extents }) => ({ name, extents }))
  const inputs = [
    { name: 'features', extents: network.input },
    { name: 'target', extents: target },
    { name: 'weight', extents: [1] },
    ...drawn,
  ]
  return {
    inputs: inputs.map((one) => ({ ...one, type: 'float32' })),
    weights: network.weights,
    parameters: network.weights.filter(({ learnt }) => learnt).map(({ name }) => name),
    append(b, [features = '', wanted = '', weight = '', ...draws]) {
      const names = new Map(drawn.map(({ name }, index) => [name, draws[index]]))
      const logits = network.append(b, features, { draw: ({ name }) => names.get(name), keep: () => undefined })
      return appendLoss(b, loss, { logits, target: wanted, weight })
    },
  }
}

export type Clipped = { readonly graph: Graph; readonly made: ClippedSums }

/** The graph that clips: inputs are the problem's, with the batch in front, and its weights. Outputs are the loss, and the sums in order of the parameters. */
export function clippedGraph(
  { inputs, weights, parameters, append }: Problem,
  { batch, ...options }: { readonly batch: number; readonly clipNorm: number; readonly held?: number },
): Clipped {
  const b = graphBuilder()
  const examples = inputs.map(({ name, type, extents }) => b.input({ name, type, shape: [batch, ...extents] }))
  for (const { name, shape } of weights) b.input({ name, type: 'float32', shape })
  const around = weights.map(({ name }) => name)
  const { loss, sums, isAtOnce } = clippedSums(b, { parameters, examples, around, append }, options)
  const made = {
    loss: b.node('Identity', [loss], { name: 'loss' }),
    sums: sums.map((name, index) => b.node('Identity', [name], { name: `sum/${parameters[index]}` })),
    isAtOnce,
  }
  return { graph: b.build('clipped', [made.loss, ...made.sums]), made }
}

/** One flat vector of a graph's sums. */
export const sumsOf = ({ graph, made: { sums } }: Clipped, feeds: Values): readonly number[] => {
  const found = run(graph, feeds)
  return sums.flatMap((name) => numbers(found[name] ?? { type: 'string', shape: [], data: [] }).data)
}

export const normOf = (vector: readonly number[]): number => Math.sqrt(total(vector.map((value) => value * value)))

/** Each example's gradient through the plain graph of a batch of one, as one flat vector. */
export function gradientsByExample(
  { inputs, weights, parameters, append }: Problem,
  { feeds, batch }: { feeds: Values; batch: number },
): readonly (readonly number[])[] {
  const b = graphBuilder()
  const examples = inputs.map(({ name, type, extents }) => b.input({ name, type, shape: [1, ...extents] }))
  for (const { name, shape } of weights) b.input({ name, type: 'float32', shape })
  const names = differentiate(b, append(b, examples), parameters)
  const outputs = names.map((name, index) => b.node('Identity', [name], { name: `gradient/${index}` }))
  const graph = b.build('alone', outputs)
  return range(batch).map((example) => {
    const alone = Object.fromEntries(
      inputs.map(({ name }) => {
        const value = numbers(feeds[name] ?? float32([], []))
        return [name, rearranged(value, [1, ...value.shape.slice(1)], ([, ...place]) => [example, ...place])]
      }),
    )
    const found = run(graph, { ...feeds, ...alone })
    return outputs.flatMap((name) => numbers(found[name] ?? float32([], [])).data)
  })
}

/** Σ g·min(1, C/‖g‖). */
export function clippedByDefinition(gradients: readonly (readonly number[])[], clipNorm: number): readonly number[] {
  const clipped = gradients.map((gradient) => {
    const factor = Math.min(1, clipNorm / normOf(gradient))
    return gradient.map((value) => value * factor)
  })
  return (gradients[0] ?? []).map((_, index) => total(clipped.map((vector) => vector[index] ?? Number.NaN)))
}

/** Weights, and a batch of examples that weigh from 0 to 3. */
export function drawFeeds(g: Draw, { inputs, weights }: Problem, batch: number): Values {
  const whole = (shape: readonly number[], most: number): NumberValue => {
    const { data } = floats(g, shape)
    return float32(
      shape,
      data.map((value) => Math.abs(Math.round(value * 64)) % (most + 1)),
    )
  }
  return Object.fromEntries([
    ...weights.map(({ name, shape }) => [name, floats(g, shape)] as const),
    ...inputs.map(({ name, extents }) => {
      const shape = [batch, ...extents]
      if (name === 'target') return [name, whole(shape, 1)] as const
      return [name, name === 'weight' ? whole(shape, 3) : floats(g, shape)] as const
    }),
  ])
}

/** The mean over all that `value` makes of examples, squared, so that every example has a gradient of its own. */
export function useProblem(
  inputs: Readonly<Record<string, readonly number[]>>,
  weights: Readonly<Record<string, readonly number[]>>,
  value: (b: GraphBuilder, examples: readonly string[]) => string,
): Problem {
  return {
    inputs: Object.entries(inputs).map(([name, extents]) => ({ name, type: 'float32', extents })),
    weights: Object.entries(weights).map(([name, shape]) => ({ name, shape })),
    parameters: Object.keys(weights),
    append(b, examples) {
      const made = b.node('Add', [value(b, examples), b.scalar(0.5)])
      return meanOf(b, b.node('Mul', [made, made]))
    },
  }
}

// ---- random networks ----

const activation = (g: Draw): string => oneOf(g, ['linear', 'relu', 'tanh', 'sigmoid', 'gelu'])
const dense = (g: Draw, units: number): unknown => ({
  dense: units,
  activation: activation(g),
  ...oneOf(g, [{}, {}, { bias: false }, { lora: { rank: between(g, 1, 2), alpha: 2 } }]),
})

/** Layers that leave a table of so many columns as it is wide. */
const ofTable = (g: Draw, width: number): readonly unknown[] =>
  oneOf<() => readonly unknown[]>(g, [
    () => [dense(g, width)],
    () => [{ residual: [dense(g, width)] }],
    () => [{ layerNormalization: {} }],
    () => [{ rmsNormalization: {} }],
    () => [{ dropout: 0.25 }],
    () => [{ concat: [[dense(g, 1)], [{ dense: 2 }]] }, { dense: width }],
  ])()

/** Layers that leave a series as it is. */
const ofSeries = (g: Draw, features: number): readonly unknown[] =>
  oneOf<() => readonly unknown[]>(g, [
    () => [dense(g, features)],
    () => [{ [oneOf(g, ['gru', 'lstm'])]: features, returnSequences: true }],
    () => [{ gru: features, returnSequences: true, bidirectional: true }, { dense: features }],
    () => [{ residual: [{ selfAttention: 1, keyDim: 2 }] }],
    () => [{ layerNormalization: {} }],
    () => [{ rmsNormalization: {} }],
    () => [{ positionalEncoding: {} }],
    () => [{ permute: [2, 1] }, { conv1d: features, kernel: 2, padding: 'same' }, { permute: [2, 1] }],
  ])()

/** Layers that leave images of two channels their channels. */
const ofImages = (g: Draw): readonly unknown[] =>
  oneOf<() => readonly unknown[]>(g, [
    () => [
      { conv2d: 2, kernel: oneOf(g, [1, 2, [1, 2]]), padding: 'same', activation: activation(g), bias: either(g) },
    ],
    () => [{ conv2d: 2, kernel: 2, padding: 'same', strides: 2, groups: 2 }],
    () => [{ conv2d: 2, kernel: 2, padding: 'same', dilation: 2, lora: { rank: 1, alpha: 1 } }],
    () => [{ depthwiseConv2d: 1, kernel: 2, padding: 'same' }],
    () => [{ conv2dTranspose: 2, kernel: 2, strides: oneOf(g, [1, 2]), padding: 'same' }],
    () => [{ groupNormalization: { groups: oneOf(g, [1, 2]) } }],
    () => [{ instanceNormalization: {} }],
    () => [{ [oneOf(g, ['maxPool2d', 'averagePool2d'])]: 2, padding: 'same' }],
    () => [{ residual: [{ conv2d: 2, kernel: 3, padding: 'same' }] }],
    () => [{ upsample: 2 }, { averagePool2d: 2 }],
    () => [{ activation: activation(g) }],
  ])()

const some = (g: Draw, most: number, layers: () => readonly unknown[]): readonly unknown[] =>
  range(between(g, 0, most)).flatMap(() => layers())

/** A network of any kind, and a loss. */
export function drawProblem(g: Draw): Problem {
  const [steps, width] = [between(g, 1, 3), between(g, 2, 3)]
  const loss = oneOf<Loss>(g, [
    ...(['meanSquaredError', 'binaryCrossEntropy', 'categoricalCrossEntropy'] as const),
    { huber: { delta: 0.5 } },
    { categoricalCrossEntropy: { labelSmoothing: 0.25 } },
  ])
  const output = { dense: isLabelled(loss) ? 2 : between(g, 1, 2), bias: either(g) ? undefined : false }
  return oneOf<() => Problem>(g, [
    () => problemOf([...some(g, 3, () => ofTable(g, width)), output], width, loss),
    () =>
      problemOf(
        [{ embedding: 3, outputs: width }, ...some(g, 1, () => ofSeries(g, width)), { flatten: {} }, output],
        [steps],
        loss,
      ),
    () => problemOf([...some(g, 2, () => ofSeries(g, width)), { gru: 2 }, output], [steps, width], loss),
    () => problemOf([...some(g, 2, () => ofSeries(g, width)), { flatten: {} }, output], [steps, width], loss),
    () => problemOf([...some(g, 3, () => ofImages(g)), { flatten: {} }, output], [2, steps + 1, width], loss),
    () => problemOf([...some(g, 2, () => ofImages(g)), { globalAveragePool: {} }, output], [2, width, steps], loss),
  ])()
}

export const someClipNorm = (g: Draw): number => oneOf(g, [1 / 64, 0.5, 4, 64, 4096])
