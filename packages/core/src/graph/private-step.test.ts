import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { modelSchema, trainingSchema } from '../study/model.ts'
import { layersIn } from '../study/model-forms.ts'
import { logitAdjustmentIn } from '../study/outcome.ts'
import { sizeOf } from '../weights.ts'
import { epochGraph } from './epoch.ts'
import { run } from './interpreter/interpret.ts'
import { float32, type NumberValue, numbers, type Values } from './interpreter/values.ts'
import './private-step.ts'
import { checkGraph } from './safelist.ts'
import type { StepOptions } from './step.ts'
import { drawn, floats } from './testing/draws.ts'
import { drawTraining, linearModel } from './testing/training.ts'

const int32 = (shape: readonly number[], data: readonly number[]): NumberValue => ({ type: 'int32', shape, data })
const data = (values: Values, name: string): readonly number[] => numbers(values[name] ?? assert.fail(name)).data
const near = (found: readonly number[], wanted: readonly number[], what = ''): void =>
  assert.ok(
    found.length === wanted.length &&
      wanted.every(
        (value, index) => Math.abs(value - (found[index] ?? Number.NaN)) < 1e-6 * Math.max(1, Math.abs(value)),
      ),
    `${what}: [${found.join(', ')}] and [${wanted.join(', ')}]`,
  )

// ---- by hand ----

const options: StepOptions = {
  model: linearModel,
  training: trainingSchema.parse({ loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.25 } }, batch: 3, epochs: 1 }),
  inputs: 1,
  batch: 3,
  weighted: false,
  privacy: { clipNorm: 5, noiseMultiplier: 0.5, expectedBatch: 4 },
}
const line: Values = {
  features: float32([3, 1], [0.75, 0.5, 9]),
  target: float32([3, 1], [-1, 1.25, 0]),
  'output.kernel': float32([1, 1], [2]),
  'output.bias': float32([1], [0]),
  batches: int32([1, 3], [0, 1, 2]),
  counted: float32([1, 3, 1], [1, 1, 0]),
  'noise/output.kernel': float32([1, 1, 1], [1]),
  'noise/output.bias': float32([1, 1], [-2]),
}
/** What a step takes from the weights: gradient · rate. */
const after = (change: Partial<StepOptions> = {}, feeds: Values = {}): readonly number[] => {
  const outputs = run(epochGraph({ ...options, ...change }).graph, { ...line, ...feeds })
  return ['losses', 'next/output.kernel', 'next/output.bias'].flatMap((name) => data(outputs, name))
}

test('a private step of a line, by hand: clipped, with noise, over the expected batch, without who fills it up', () => {
  // Row 0: ŷ = 1.5, error 2.5, gradient 2·2.5·(0.75, 1) = (3.75, 5), norm 6.25: times 0.8, (3, 4). Row 1: ŷ = 1, error −0.25, gradient (−0.25, −0.5).
  // With noise of 0.5·5·(1, −2): (2.75 + 2.5, 3.5 − 5) / 4. The loss: (6.25 + 0.0625) / 2.
  near(after(), [3.15625, 2 - 0.25 * (5.25 / 4), -0.25 * (-1.5 / 4)])
})

test('what is expected of a batch divides, not who came', () => {
  const nobody = { counted: float32([1, 3, 1], [0, 0, 0]) }
  near(after({}, nobody), [0, 2 - 0.25 * (2.5 / 4), 0.25 * (5 / 4)])
})

test('an example that weighs more is clipped with its weight, and no further away than others', () => {
  // Row 0 as before; row 1 forty times: (−10, −20), norm 22.36, at the norm 5: (−1, −2)·√5.
  const weighted = { weight: float32([3, 1], [1, 40, 1]) }
  const root = Math.sqrt(5)
  near(after({ weighted: true }, weighted).slice(1), [
    2 - 0.25 * ((3 - root + 2.5) / 4),
    -0.25 * ((4 - 2 * root - 5) / 4),
  ])
})

test('penalties and corrections come after the noise, and are neither clipped nor divided', () => {
  const feeds = {
    'anchor/output.kernel': float32([1, 1], [4]),
    'anchor/output.bias': float32([1], [1]),
    'correction/output.kernel': float32([1, 1], [100]),
    'correction/output.bias': float32([1], [-100]),
  }
  const change = { training: { ...options.training, l2: 32 }, proximalMu: 64, corrected: true }
  // 32·2, 64·(2 − 4) and 100; 64·(0 − 1) and −100.
  near(after(change, feeds), [3.15625, 2 - 0.25 * (5.25 / 4 + 64 - 128 + 100), -0.25 * (-1.5 / 4 - 64 - 100)])
})

test('what is frozen, or stays as it is, gets no noise and is no part of the norm', () => {
  const model = { ...linearModel, frozen: ['output.bias'] }
  const { graph } = epochGraph({ ...options, model })
  assert.ok(graph.inputs.every(({ name }) => name !== 'noise/output.bias'))
  // Row 0: 3.75 is below the norm.
  near(after({ model }), [3.15625, 2 - 0.25 * ((3.75 - 0.25 + 2.5) / 4), 0])
})

test('two ways of clipping at once, adjusted logits, batch normalisation, and noise that is no number are refused', () => {
  const coded = (code: ErrorCode, what: RegExp) => (error: unknown) =>
    error instanceof WardroundError && error.code === code && what.test(error.message)
  const clipGradients = { ...options.training, clipGradients: { norm: 1 } }
  assert.throws(() => epochGraph({ ...options, training: clipGradients }), coded('WR_GRAPH_REFUSED', /clipGradients/))
  const adjusted = { ...options.training, loss: { categoricalCrossEntropy: { logitAdjustment: 1 } } }
  assert.throws(() => epochGraph({ ...options, training: adjusted }), coded('WR_GRAPH_REFUSED', /logitAdjustment/))
  const layers = [{ batchNormalization: { momentum: 0.5, epsilon: 1 } }, ...layersIn(linearModel)]
  assert.throws(
    () => epochGraph({ ...options, model: { personal: [], layers } }),
    coded('WR_GRAPH_REFUSED', /groupNormalization/),
  )
  for (const [noiseMultiplier, expectedBatch] of [
    [-1, 1],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [1, 0],
    [1, -1],
    [1, Number.NaN],
  ] as const)
    assert.throws(
      () => epochGraph({ ...options, privacy: { clipNorm: 1, noiseMultiplier, expectedBatch } }),
      coded('WR_GRAPH_INVALID', /private step/),
    )
})

// ---- laws ----

const filled = (shape: readonly number[], value: number): NumberValue =>
  float32(shape, new Array<number>(sizeOf(shape)).fill(value))

test('without a bound that holds and without noise it is an ordinary step', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { epoch, options: plain, feeds } = drawTraining(g)
      const { clipGradients, loss } = plain.training
      if (clipGradients !== undefined || logitAdjustmentIn(loss) !== undefined) return
      if (JSON.stringify(plain.model).includes('batchNormalization')) return
      const { batch } = plain
      const { graph } = epochGraph({
        ...plain,
        privacy: { clipNorm: 2 ** 20, noiseMultiplier: 1, expectedBatch: batch },
      })
      checkGraph(graph)
      const steps = feeds.batches?.shape[0] ?? 0
      const more = graph.inputs.flatMap(({ name, shape }) => {
        const fixed = [steps, ...shape.slice(1).map(Number)]
        if (name === 'counted') return [[name, filled(fixed, 1)] as const]
        return name.startsWith('noise/') ? [[name, filled(fixed, 0)] as const] : []
      })
      const [found, wanted] = [run(graph, { ...feeds, ...Object.fromEntries(more) }), run(epoch.graph, feeds)]
      for (const { name } of epoch.graph.outputs)
        for (const [index, value] of data(wanted, name).entries()) {
          const other = data(found, name)[index] ?? Number.NaN
          assert.ok(Math.abs(other - value) <= 1e-4 * Math.max(1, Math.abs(value)), `${name}: ${other} and ${value}`)
        }
    }),
    drawn(60),
  )
})

test('images are scaled, and changed by chance, in a private step as in an ordinary one', () => {
  const training = trainingSchema.parse({
    ...{ loss: 'meanSquaredError', optimizer: { sgd: { rate: 2 ** -10 } }, batch: 2, epochs: 1 },
    augment: { flip: 'horizontal', shift: 0.25 },
  })
  const images: StepOptions = {
    model: modelSchema.parse({ layers: [{ conv2d: 2, kernel: 2 }, { flatten: {} }, { dense: 1, name: 'output' }] }),
    ...{ training, inputs: [1, 3, 4], pixels: true, batch: 2, weighted: true },
  }
  const privacy = { clipNorm: 2 ** 20, noiseMultiplier: 0, expectedBatch: 2 }
  const sizes: Readonly<Record<string, number>> = { rows: 3, steps: 1 }
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const [graph, plain] = [epochGraph({ ...images, privacy }).graph, epochGraph(images).graph]
      const feeds = Object.fromEntries(
        graph.inputs.map(({ name, type, shape }) => {
          const value = floats(
            g,
            shape.map((extent) => sizes[extent] ?? Number(extent)),
          )
          const positive = value.data.map((one) => Math.abs(one) + 1 / 128)
          if (name === 'batches') return [name, int32([1, 2], [0, 2])] as const
          if (name === 'counted') return [name, filled(value.shape, 1)] as const
          if (name === 'pixels/deviation') return [name, filled(value.shape, 64)] as const
          if (type === 'uint8')
            return [name, { ...value, type, data: positive.map((one) => Math.floor(60 * one)) }] as const
          return [
            name,
            name.startsWith('draws/')
              ? { ...value, data: positive.map((one) => one / 4) }
              : { ...value, data: positive },
          ] as const
        }),
      )
      const [found, wanted] = [run(graph, feeds), run(plain, feeds)]
      for (const { name } of plain.outputs) near(data(found, name), data(wanted, name), name)
    }),
    drawn(10),
  )
})
