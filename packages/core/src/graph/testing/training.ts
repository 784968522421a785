/** Random training graphs with everything that they read, and the fixture's runs of PyTorch. */
import fc from 'fast-check'
import type { Loss } from '../../study/loss.ts'
import { type ModelSpec, modelSchema, type TrainingSpec, trainingSchema } from '../../study/model.ts'
import { outcomeOf } from '../../study/outcome.ts'
import { sizeOf, type TensorSpec } from '../../weights.ts'
import { type EpochGraph, epochGraph } from '../epoch.ts'
// make_training.py says how.
import fixture from '../fixtures/training.json' with { type: 'json' }
import { float32, type NumberValue, range, type Values } from '../interpreter/values.ts'
import { extentsOf } from '../network.ts'
import type { StepOptions } from '../step.ts'
import { type Draw, floats } from './draws.ts'

export type Training = { readonly epoch: EpochGraph; readonly options: StepOptions; readonly feeds: Values }

const int32 = (shape: readonly number[], data: readonly number[]): NumberValue => ({ type: 'int32', shape, data })
const filled = (shape: readonly number[], value: number): NumberValue =>
  float32(shape, new Array<number>(sizeOf(shape)).fill(value))

/** State as it is before the first step. */
export const firstState = ({ state }: EpochGraph): Values =>
  Object.fromEntries(state.map(({ name, shape, initial }) => [name, filled(shape, initial)]))

// ---- PyTorch's runs ----

export const pytorchRuns = fixture.runs
export type PytorchRun = (typeof pytorchRuns)[number]
const { rows, width, batch, steps } = fixture
const targets: Readonly<Record<string, readonly number[]>> = fixture.targets

/** A run of the fixture as a training graph and what goes into it. */
export function pytorchTraining(run: PytorchRun, change: Partial<StepOptions> = {}): Training {
  const options: StepOptions = {
    model: modelSchema.parse({ layers: run.layers, personal: run.personal ?? [] }),
    training: trainingSchema.parse({
      loss: run.loss,
      optimizer: run.optimizer,
      clipGradients: run.clipGradients,
      l2: run.l2 ?? 0,
      batch,
      epochs: 1,
    }),
    inputs: width,
    batch,
    weighted: run.classWeights !== undefined,
    ...(run.mu === undefined ? {} : { proximalMu: run.mu }),
    ...(run.correction === undefined ? {} : { corrected: true }),
    ...(run.rates === undefined ? {} : { scheduled: true }),
    ...(run.pooled === undefined ? {} : { groups: fixture.hospitals }),
    ...change,
  }
  const epoch = epochGraph(options)
  const target = targets[run.loss] ?? []
  const weight = run.classWeights && target.map((label) => run.classWeights?.[label] ?? Number.NaN)
  const draws = (run.draws256 ?? []).map((value) => value / 256)
  const feeds: Values = {
    features: float32([rows, width], fixture.features),
    target: float32([rows, 1], target),
    batches: int32([steps, batch], fixture.batches),
    ...(weight && { weight: float32([rows, 1], weight) }),
    ...(run.rates && { rates: float32([steps], run.rates) }),
    ...(run.pooled && { group: int32([rows], fixture.hospital) }),
    ...named(epoch.weights, run.first),
    ...named(epoch.weights, run.anchor ?? {}, 'anchor/'),
    ...named(epoch.weights, run.correction ?? {}, 'correction/'),
    ...firstState(epoch),
    ...Object.fromEntries(
      epoch.draws.map(({ name, extents }) => [`draws/${name}`, float32([steps, batch, ...extents], draws)]),
    ),
  }
  return { epoch, options, feeds }
}

/** The outputs that PyTorch found for a run. */
export const pytorchOutputs = (run: PytorchRun, { weights }: EpochGraph): Values => ({
  losses: float32([steps], run.losses),
  ...named(weights, run.final, 'next/'),
})

/** Those of a table's tensors that are weights. */
const named = (
  weights: readonly TensorSpec[],
  table: Readonly<Record<string, readonly number[]>>,
  prefix = '',
): Values =>
  Object.fromEntries(
    weights
      .filter(({ name }) => Object.hasOwn(table, name))
      .map(({ name, shape }) => [`${prefix}${name}`, float32(shape, table[name] ?? [])]),
  )

// ---- random ones ----

/** A small model with any loss, optimizer, penalty, weights, dropout and groups; a few steps over a few rows. */
export function drawTraining(g: Draw): Training {
  const between = (min: number, max: number): number => g(fc.integer, { min, max })
  const oneOf = <T>(values: readonly T[]): T => g(() => fc.constantFrom(...values))
  const loss = oneOf(losses)
  const outputs = outcomeOf(loss) === 'multiclass' ? 3 : 1
  const hidden = range(between(0, 2)).flatMap(() => [
    { dense: between(1, 3), activation: oneOf(['linear', 'relu', 'tanh', 'sigmoid', 'softmax']) },
    ...oneOf([[], [{ dropout: 0.25 }], [{ batchNormalization: { momentum: 0.75, epsilon: 0.125 } }]]),
  ])
  const pooled = oneOf([true, false])
  const options: StepOptions = {
    model: modelSchema.parse({
      layers: [...hidden, { dense: outputs, name: 'output' }],
      personal: oneOf([true, pooled]) ? ['output.bias'] : [],
    }),
    training: trainingSchema.parse({
      loss,
      optimizer: oneOf(optimizers),
      clipGradients: oneOf([undefined, { norm: 0.5 }, { value: 0.125 }]),
      l2: oneOf([0, 0.125]),
      batch: 1,
      epochs: 1,
    }),
    inputs: between(1, 3),
    batch: between(hidden.some((layer) => 'batchNormalization' in layer) ? 2 : 1, 4),
    weighted: oneOf([true, false]),
    ...(oneOf([true, false]) ? { proximalMu: 0.5 } : {}),
    ...(oneOf([true, false]) ? { corrected: true } : {}),
    ...(oneOf([true, false]) ? { scheduled: true } : {}),
    ...(pooled ? { groups: 2 } : {}),
  }
  const epoch = epochGraph(options)
  return { epoch, options, feeds: drawFeeds(g, { epoch, options, outputs, steps: between(1, 3) }) }
}

const optimizers: readonly TrainingSpec['optimizer'][] = [
  { sgd: { rate: 0.125, momentum: 0 } },
  { sgd: { rate: 0.125, momentum: 0.5 } },
  { sgd: { rate: 0.125, momentum: 0.5, nesterov: true, weightDecay: 0.25 } },
  { adam: { rate: 0.0625, beta1: 0.75, beta2: 0.875, epsilon: 0.125 } },
  { adamW: { rate: 0.0625, beta1: 0.75, beta2: 0.875, epsilon: 0.125, weightDecay: 0.5 } },
  { rmsProp: { rate: 0.0625, alpha: 0.75, momentum: 0.5, epsilon: 0.125, centered: true } },
  { adagrad: { rate: 0.125, epsilon: 0.125 } },
  { lamb: { rate: 0.0625, beta1: 0.75, beta2: 0.875, epsilon: 0.125, weightDecay: 0.5 } },
]
const losses: readonly Loss[] = [
  'binaryCrossEntropy',
  'categoricalCrossEntropy',
  'meanSquaredError',
  'meanAbsoluteError',
  { categoricalCrossEntropy: { labelSmoothing: 0.25 } },
  { categoricalCrossEntropy: { logitAdjustment: 1 } },
  { binaryFocalCrossEntropy: { gamma: 2, alpha: 0.25 } },
  { categoricalFocalCrossEntropy: { gamma: 2 } },
  { huber: { delta: 0.5 } },
]

function drawFeeds(
  g: Draw,
  {
    epoch,
    options,
    outputs,
    steps: count,
  }: { epoch: EpochGraph; options: StepOptions; outputs: number; steps: number },
): Values {
  const below = (length: number, bound: number): readonly number[] =>
    g(fc.array<number>, fc.integer({ min: 0, max: bound - 1 }), { minLength: length, maxLength: length })
  const examples = g(fc.integer, { min: 1, max: 5 })
  const labels =
    outcomeOf(options.training.loss) === 'regression'
      ? floats(g, [examples, 1]).data
      : below(examples, Math.max(2, outputs))
  const tensors = (prefix: string): Values =>
    Object.fromEntries(epoch.weights.map(({ name, shape }) => [`${prefix}${name}`, floats(g, shape)]))
  const all: Values = {
    features: floats(g, [examples, ...extentsOf(options.inputs)]),
    target: float32([examples, 1], labels),
    weight: float32([examples, 1], below(examples, 4)),
    adjustment: floats(g, [1, outputs]),
    group: int32([examples], below(examples, 2)),
    batches: int32([count, options.batch], below(count * options.batch, examples)),
    rates: float32(
      [count],
      below(count, 16).map((value) => value / 64),
    ),
    ...tensors(''),
    ...tensors('anchor/'),
    ...tensors('correction/'),
    ...firstState(epoch),
    ...Object.fromEntries(
      epoch.draws.map(({ name, extents }) => {
        const shape = [count, options.batch, ...extents]
        return [
          `draws/${name}`,
          float32(
            shape,
            below(sizeOf(shape), 16).map((value) => value / 16),
          ),
        ]
      }),
    ),
  }
  return Object.fromEntries(epoch.graph.inputs.map(({ name }) => [name, all[name] ?? float32([], [])]))
}

/** Model of one linear output, for steps by hand. */
export const linearModel: ModelSpec = modelSchema.parse({ layers: [{ dense: 1, name: 'output' }] })
