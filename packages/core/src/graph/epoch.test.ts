import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { trainingSchema } from '../study/model.ts'
import { logitAdjustmentIn } from '../study/outcome.ts'
import { decodeModel } from './decode-model.ts'
import { encodeModel } from './encode-model.ts'
import { epochGraph } from './epoch.ts'
import { run } from './interpreter/interpret.ts'
import { float32, type NumberValue, numbers, range, rearranged, type Value, type Values } from './interpreter/values.ts'
import { checkGraph } from './safelist.ts'
import type { StepOptions } from './step.ts'
import { drawn } from './testing/draws.ts'
import {
  drawTraining,
  firstState,
  linearModel,
  pytorchOutputs,
  pytorchRuns,
  pytorchTraining,
  type Training,
} from './testing/training.ts'

const int32 = (shape: readonly number[], data: readonly number[]): NumberValue => ({ type: 'int32', shape, data })
const data = (values: Values, name: string): readonly number[] => numbers(values[name] ?? assert.fail(name)).data

function assertNear(found: Values, wanted: Values, tolerance: number): void {
  for (const [name, value] of Object.entries(wanted)) {
    assert.deepEqual(found[name]?.shape, value.shape, name)
    for (const [index, expected] of numbers(value).data.entries()) {
      const other = data(found, name)[index] ?? Number.NaN
      assert.ok(
        Math.abs(other - expected) <= tolerance * Math.max(1, Math.abs(expected)),
        `${name}: ${other} and ${expected}`,
      )
    }
  }
}

// ---- by hand ----

const options: StepOptions = {
  model: linearModel,
  training: trainingSchema.parse({ loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.25 } }, batch: 2, epochs: 1 }),
  inputs: 1,
  batch: 2,
  weighted: false,
}
const line: Values = {
  features: float32([3, 1], [1, 2, -1]),
  target: float32([3, 1], [3, 1, 0]),
  'output.kernel': float32([1, 1], [1]),
  'output.bias': float32([1], [0]),
}

test('two steps of a line, by hand; each loss is the one before its step', () => {
  // Rows 0, 1: ŷ = 1, 2, errors −2, 1: L = 5/2, dw = (−2·1 + 1·2) = 0, db = −1: b = ¼.
  // Rows 1, 2: ŷ = 2¼, −¾, errors 1¼, −¾: L = 17/16, dw = 1¼·2 + ¾ = 3¼, db = ½: w = 3/16, b = ⅛.
  const outputs = run(epochGraph(options).graph, { ...line, batches: int32([2, 2], [0, 1, 1, 2]) })
  assert.deepEqual(outputs, {
    'next/output.kernel': float32([1, 1], [3 / 16]),
    'next/output.bias': float32([1], [1 / 8]),
    losses: float32([2], [2.5, 17 / 16]),
  })
})

test('an example that is twice in a batch counts twice', () => {
  // Row 0 twice: errors −2, −2: L = 4, dw = −4, db = −4.
  const outputs = run(epochGraph(options).graph, { ...line, batches: int32([1, 2], [0, 0]) })
  assert.deepEqual(
    [data(outputs, 'losses'), data(outputs, 'next/output.kernel'), data(outputs, 'next/output.bias')],
    [[4], [2], [1]],
  )
})

test('penalties pull the weights, and are no part of the losses', () => {
  const batches = int32([1, 2], [0, 1])
  const l2 = run(epochGraph({ ...options, training: { ...options.training, l2: 0.5 } }).graph, { ...line, batches })
  // dw = 0 + ½·1; the bias is not penalised.
  assert.deepEqual(
    [data(l2, 'losses'), data(l2, 'next/output.kernel'), data(l2, 'next/output.bias')],
    [[2.5], [0.875], [0.25]],
  )
  const anchors = { 'anchor/output.kernel': float32([1, 1], [3]), 'anchor/output.bias': float32([1], [-1]) }
  const proximal = run(epochGraph({ ...options, proximalMu: 0.5 }).graph, { ...line, ...anchors, batches })
  // dw = 0 + ½·(1 − 3); db = −1 + ½·(0 + 1).
  assert.deepEqual(
    [data(proximal, 'losses'), data(proximal, 'next/output.kernel'), data(proximal, 'next/output.bias')],
    [[2.5], [1.25], [0.125]],
  )
})

test('a correction is added to every step’s gradients of the weights that travel', () => {
  const corrections = { 'correction/output.kernel': float32([1, 1], [2]), 'correction/output.bias': float32([1], [-1]) }
  // As in the two steps above. First dw = 0 + 2, db = −1 − 1: w = ½, b = ½.
  // Rows 1, 2: ŷ = 1½, 0, errors ½, 0: L = ¼/2, dw = ½·2 + 2 = 3, db = ½ − 1: w = −¼, b = ⅝.
  const feeds = { ...line, batches: int32([2, 2], [0, 1, 1, 2]) }
  const outputs = run(epochGraph({ ...options, corrected: true }).graph, { ...feeds, ...corrections })
  assert.deepEqual(
    [data(outputs, 'losses'), data(outputs, 'next/output.kernel'), data(outputs, 'next/output.bias')],
    [[2.5, 0.125], [-0.25], [0.625]],
  )
  const personal = { ...options, model: { ...linearModel, personal: ['output.bias'] }, corrected: true }
  const first = { ...line, batches: int32([1, 2], [0, 1]), 'correction/output.kernel': float32([1, 1], [2]) }
  const kept = run(epochGraph(personal).graph, first)
  assert.deepEqual([data(kept, 'next/output.kernel'), data(kept, 'next/output.bias')], [[0.5], [0.25]])
})

test('weights of examples go with their rows', () => {
  const weighted = { ...options, weighted: true }
  const feeds = { ...line, weight: float32([3, 1], [2, 0, 4]), batches: int32([1, 2], [2, 0]) }
  // Rows 2, 0: ŷ = −1, 1, errors −1, −2: L = (4·1 + 2·4) / 2, dw = 4·(−1)(−1) + 2·(−2)(1) = 0, db = −4 − 4.
  const outputs = run(epochGraph(weighted).graph, feeds)
  assert.deepEqual(
    [data(outputs, 'losses'), data(outputs, 'next/output.kernel'), data(outputs, 'next/output.bias')],
    [[6], [1], [2]],
  )
})

test('pooled: a hospital’s own bias learns from its own records', () => {
  const pooled = { ...options, model: { ...linearModel, personal: ['output.bias'] }, groups: 3 }
  const feeds = {
    ...line,
    'output.bias': float32([3, 1], [0, 0, 7]),
    group: int32([3], [0, 1, 0]),
    batches: int32([1, 2], [0, 1]),
  }
  const outputs = run(epochGraph(pooled).graph, feeds)
  // As in the first step by hand, db split by hospital: −2, 1; the third has no record in the batch.
  assert.deepEqual(data(outputs, 'next/output.bias'), [0.5, -0.25, 7])
})

// ---- laws ----

/** The rows `from` … `to − 1` of each scanned input; the rest as it is. */
const part = (feeds: Values, from: number, to: number): Values =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [
      name,
      name === 'batches' || name === 'rates' || name.startsWith('draws/') ? rowsOf(value, from, to) : value,
    ]),
  )
const rowsOf = (value: Value, from: number, to: number): Value =>
  rearranged(value, [to - from, ...value.shape.slice(1)], ([row = 0, ...rest]) => [from + row, ...rest])
const carriedOf = ({ epoch: { weights, state } }: Training): readonly string[] =>
  [...weights, ...state].map(({ name }) => name)

test('one call over all steps is the same as a call for each step, with what is carried handed on', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const training = drawTraining(g)
      const { graph } = training.epoch
      const whole = run(graph, training.feeds)
      let feeds = training.feeds
      const losses = range(feeds.batches?.shape[0] ?? 0).map((step) => {
        const outputs = run(graph, part(feeds, step, step + 1))
        feeds = {
          ...feeds,
          ...Object.fromEntries(
            carriedOf(training).map((name) => [name, outputs[`next/${name}`] ?? assert.fail(name)]),
          ),
        }
        return data(outputs, 'losses')[0]
      })
      assert.deepEqual(data(whole, 'losses'), losses)
      for (const name of carriedOf(training)) assert.deepEqual(whole[`next/${name}`], feeds[name], name)
    }),
    drawn(),
  )
})

test('every training graph has the inputs and outputs that it says, passes the safelist, and comes back from bytes', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { epoch, options: made } = drawTraining(g)
      const { graph, weights, state, draws } = epoch
      checkGraph(graph)
      assert.deepEqual(decodeModel(encodeModel(graph)).graph, graph)
      const carried = [...weights, ...state]
      // Running statistics are carried, and nothing pulls or corrects them.
      const isStatistic = (name: string): boolean => /\.moving(Mean|Variance)$/.test(name)
      const travelling = weights.filter(({ name }) => !made.model.personal.includes(name) && !isStatistic(name))
      const anchored = made.proximalMu === undefined ? [] : travelling
      const corrected = made.corrected ? travelling : []
      assert.deepEqual(
        graph.inputs.map(({ name, type, shape }) => [name, type, shape]),
        [
          ['features', 'float32', ['rows', made.inputs]],
          ['target', 'float32', ['rows', 1]],
          ...(made.weighted ? [['weight', 'float32', ['rows', 1]]] : []),
          ...(logitAdjustmentIn(made.training.loss) === undefined ? [] : [['adjustment', 'float32', [1, 3]]]),
          ...(made.groups === undefined ? [] : [['group', 'int32', ['rows']]]),
          ...anchored.map(({ name, shape }) => [`anchor/${name}`, 'float32', shape]),
          ...corrected.map(({ name, shape }) => [`correction/${name}`, 'float32', shape]),
          ...carried.map(({ name, shape }) => [name, 'float32', shape]),
          ['batches', 'int32', ['steps', made.batch]],
          ...draws.map(({ name, extents }) => [`draws/${name}`, 'float32', ['steps', made.batch, ...extents]]),
          ...(made.scheduled ? [['rates', 'float32', ['steps']]] : []),
        ],
      )
      assert.deepEqual(
        graph.outputs.map(({ name, shape }) => [name, shape]),
        [...carried.map(({ name, shape }) => [`next/${name}`, shape]), ['losses', ['steps']]],
      )
    }),
    drawn(),
  )
})

test('the same options make the same bytes', () => {
  for (const pytorch of pytorchRuns) {
    const bytes = () => encodeModel(pytorchTraining(pytorch).epoch.graph)
    assert.deepEqual(bytes(), bytes())
  }
})

test('a weight that nothing pulls stays where it is', () => {
  // All examples weigh nothing and there is no penalty: every gradient is 0.
  const epoch = epochGraph({
    ...options,
    weighted: true,
    training: { ...options.training, optimizer: { adam: { rate: 1, beta1: 0.5, beta2: 0.5, epsilon: 1 } } },
  })
  const outputs = run(epoch.graph, {
    ...line,
    ...firstState(epoch),
    weight: float32([3, 1], [0, 0, 0]),
    batches: int32([2, 2], [0, 1, 2, 0]),
  })
  assert.deepEqual(data(outputs, 'next/output.kernel'), [1])
  assert.deepEqual(data(outputs, 'losses'), [0, 0])
})

// ---- PyTorch ----

for (const pytorch of pytorchRuns) {
  test(`${pytorch.name}: in Float64 the graph takes PyTorch’s steps`, () => {
    const { epoch, feeds } = pytorchTraining(pytorch)
    // Rates and decays are Float32 in the graph; 1 − 0.999 is then off by 10⁻⁵ of itself.
    assertNear(run(epoch.graph, feeds), pytorchOutputs(pytorch, epoch), 'sgd' in pytorch.optimizer ? 1e-6 : 2e-5)
  })
}
