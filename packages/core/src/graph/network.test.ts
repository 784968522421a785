import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { seededRandom } from '../random.ts'
import { activationNames } from '../study/layers.ts'
import { type Loss, lossSchema } from '../study/loss.ts'
import { type ModelSpec, modelSchema, trainingSchema } from '../study/model.ts'
import { layersIn } from '../study/model-forms.ts'
import { lossName } from '../study/outcome.ts'
import { sizeOf } from '../weights.ts'
import { graphBuilder } from './builder.ts'
import { checkModel } from './check-model.ts'
import { initialRanges, initialWeights } from './initial-weights.ts'
import { run } from './interpreter/interpret.ts'
import { float32, type NumberValue, numbers, type Values } from './interpreter/values.ts'
import { appendActivation } from './layers/activation.ts'
import { appendLayers } from './layers/branches.ts'
import { resolveLayers } from './layers/resolve.ts'
import { splitSpecs, weightSpecs } from './network.ts'
import { outputActivation, predictionGraph } from './prediction.ts'
import { checkGraph } from './safelist.ts'
import { appendStep, stepParts } from './step.ts'

const modelOf = (layers: readonly unknown[], personal: readonly string[] = []): ModelSpec =>
  modelSchema.parse({ layers, personal })
const refused = (field: string) => (error: unknown) =>
  error instanceof WardroundError && error.code === 'WR_STUDY_INVALID' && error.parameters.field === field
const data = (values: Values, name: string): readonly number[] => numbers(values[name] ?? assert.fail(name)).data
const near = (found: readonly number[], wanted: readonly number[]): void =>
  assert.ok(
    found.length === wanted.length &&
      wanted.every((value, index) => Math.abs(value - (found[index] ?? Number.NaN)) < 1e-6),
    `[${found.join(', ')}] and [${wanted.join(', ')}]`,
  )

test('unnamed layers count on from names that were given, each kind for itself', () => {
  const names = (layers: readonly unknown[]) => resolveLayers(layersIn(modelOf(layers)), [5]).map(({ name }) => name)
  assert.deepEqual(names([{ dense: 4 }, { dropout: 0.5 }, { dense: 3 }, { dropout: 0.1 }, { dense: 1 }]), [
    'dense',
    'dropout',
    'dense_2',
    'dropout_2',
    'dense_3',
  ])
  assert.deepEqual(names([{ dense: 4, name: 'dense_2' }, { dense: 3 }, { dense: 2 }, { dense: 1, name: 'output' }]), [
    'dense_2',
    'dense',
    'dense_3',
    'output',
  ])
})

test('two layers of one name are refused', () => {
  const twice = modelOf([
    { dense: 2, name: 'a' },
    { dense: 1, name: 'a' },
  ])
  assert.throws(() => resolveLayers(layersIn(twice), [3]), refused('model.layers'))
  // The first is called so by itself.
  assert.throws(
    () => resolveLayers(layersIn(modelOf([{ dense: 2 }, { dense: 1, name: 'dense' }])), [3]),
    refused('model.layers'),
  )
})

test('each layer takes what the one before gives; dropout passes its width on', () => {
  const layers = resolveLayers(
    layersIn(modelOf([{ dense: 4, activation: 'relu' }, { dropout: 0.25 }, { dense: 1 }])),
    [7],
  )
  assert.deepEqual(
    layers.map(({ name, output, draws }) => ({ name, output, draws })),
    [
      { name: 'dense', output: [4], draws: [] },
      { name: 'dropout', output: [4], draws: [{ name: 'dropout', extents: [4] }] },
      { name: 'dense_2', output: [1], draws: [] },
    ],
  )
})

test('weights are a kernel [inputs, outputs] and a bias for each dense layer, in order', () => {
  const model = modelOf([{ dense: 4 }, { dropout: 0.5 }, { dense: 2, name: 'output' }], ['output.bias', 'dense.kernel'])
  const specs = [
    { name: 'dense.kernel', shape: [3, 4] },
    { name: 'dense.bias', shape: [4] },
    { name: 'output.kernel', shape: [4, 2] },
    { name: 'output.bias', shape: [2] },
  ]
  assert.deepEqual(weightSpecs(model, 3), specs)
  // Pooled: a personal bias has a row for each hospital; nothing else has.
  assert.deepEqual(weightSpecs(model, 3, 5), specs.with(3, { name: 'output.bias', shape: [5, 2] }))
  assert.deepEqual(splitSpecs(model, 3), {
    shared: [specs[1], specs[2]],
    personal: [specs[0], specs[3]],
    frozen: [],
  })
})

test('weights that the study gives are taken as they are, and the others drawn', () => {
  const layers = [
    { dense: 2, name: 'hidden' },
    { dense: 1, name: 'output' },
  ]
  const model = { ...modelOf(layers), start: { 'output.kernel': [0.5, -0.25], 'output.bias': [3] } }
  const [kernel, , output, bias] = initialWeights(model, 2, seededRandom(['start']))
  assert.deepEqual([output?.data, bias?.data], [Float32Array.of(0.5, -0.25), Float32Array.of(3)])
  assert.deepEqual(kernel, initialWeights(modelOf(layers), 2, seededRandom(['start']))[0])
})

test('range by range they are the same values, wherever the ranges end', () => {
  const layers = [
    { dense: 3, name: 'hidden' },
    { dense: 2, name: 'output' },
  ]
  const model = { ...modelOf(layers), start: { 'output.kernel': [1, 2, 3, 4, 5, 6] } }
  const random = () => seededRandom(['ranges'])
  const whole = initialWeights(model, 4, random()).map(({ name, data }) => [name, ...data])
  for (const rangeLength of [1, 2, 5, 12, 13]) {
    const found = new Map<string, number[]>()
    for (const { name, values } of initialRanges(model, { inputs: 4, random: random(), rangeLength })) {
      assert.ok(values.length <= rangeLength)
      found.set(name, [...(found.get(name) ?? []), ...values])
    }
    assert.deepEqual(
      Array.from(found, ([name, values]) => [name, ...values]),
      whole,
    )
  }
})

// ---- what fits together ----

test('a loss takes the last layer that belongs to it, and no other', () => {
  const binary = ['linear 1', 'sigmoid 1']
  const classes = ['linear 2', 'linear 3', 'softmax 2', 'softmax 3']
  const fitting: readonly (readonly [loss: unknown, fitting: readonly string[]])[] = [
    ['binaryCrossEntropy', binary],
    [{ binaryFocalCrossEntropy: {} }, binary],
    ['categoricalCrossEntropy', classes],
    [{ categoricalCrossEntropy: { labelSmoothing: 0.1 } }, classes],
    [{ categoricalCrossEntropy: { logitAdjustment: 1 } }, classes],
    [{ categoricalFocalCrossEntropy: {} }, classes],
    ['meanSquaredError', ['linear 1']],
    ['meanAbsoluteError', ['linear 1']],
    [{ huber: {} }, ['linear 1']],
  ]
  for (const [given, fits] of fitting) {
    const loss = lossSchema.parse(given)
    for (const activation of activationNames) {
      for (const outputs of [1, 2, 3]) {
        const check = () =>
          checkModel(
            modelOf([
              { dense: 4, activation },
              { dense: outputs, activation },
            ]),
            { inputs: 3, loss },
          )
        if (fits.includes(`${activation} ${outputs}`)) check()
        else assert.throws(check, refused('model.layers'), `${lossName(loss)}: ${activation} ${outputs}`)
      }
    }
  }
})

test('a model that ends in dropout is refused', () => {
  for (const layers of [[{ dense: 1 }, { dropout: 0.5 }], [{ dropout: 0.5 }]])
    assert.throws(() => checkModel(modelOf(layers), { inputs: 3, loss: 'meanSquaredError' }), refused('model.layers'))
})

test('personal weights must be weights of the model, and something must be left to share', () => {
  const check = (personal: readonly string[]) =>
    checkModel(modelOf([{ dense: 2 }, { dense: 1, name: 'output' }], personal), {
      inputs: 3,
      loss: 'binaryCrossEntropy',
    })
  check(['output.bias'])
  check(['output.bias', 'output.kernel', 'dense.kernel'])
  for (const name of ['bias', 'output', 'output.Bias', 'dense_2.bias', ''])
    assert.throws(() => check([name]), refused('model.personal'))
  assert.throws(() => check(['output.bias', 'output.kernel', 'dense.kernel', 'dense.bias']), refused('model.personal'))
})

// ---- first weights ----

test('first kernels are uniform in ±√(6 / (inputs + outputs)), biases zero', () => {
  const model = modelOf([{ dense: 200 }, { dense: 1 }])
  const weights = initialWeights(model, 100, seededRandom(['weights']))
  assert.deepEqual(
    weights.map(({ name, shape }) => ({ name, shape })),
    weightSpecs(model, 100),
  )
  for (const { name, shape, data: values } of weights) {
    assert.equal(values.length, sizeOf(shape))
    if (name.endsWith('.bias')) {
      assert.ok(values.every((value) => value === 0))
      continue
    }
    const limit = Math.sqrt(6 / ((shape[0] ?? 0) + (shape[1] ?? 0)))
    assert.ok(values.every((value) => Math.abs(value) <= limit))
    // A uniform draw in ±L has the mean 0 and the variance L²/3: both within five standard errors.
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    assert.ok(Math.abs(mean) < (5 * limit) / Math.sqrt(3 * values.length), name)
    assert.ok(Math.abs(variance / (limit ** 2 / 3) - 1) < 5 * Math.sqrt(0.8 / values.length), name)
  }
})

test('the same seed gives the same bits, another one others', () => {
  const model = modelOf([{ dense: 8 }, { dense: 1 }])
  const weights = (seed: number) => initialWeights(model, 5, seededRandom([seed]))
  assert.deepEqual(weights(1), weights(1))
  assert.notDeepEqual(weights(1), weights(2))
})

// ---- forward ----

/** 2–2–1: kernels [[1, −1], [2, 1]] and [[1], [−2]]. */
const small = [
  ['dense.kernel', float32([2, 2], [1, -1, 2, 1])],
  ['dense.bias', float32([2], [0.5, 0])],
  ['dense_2.kernel', float32([2, 1], [1, -2])],
  ['dense_2.bias', float32([1], [0.25])],
] as const
const rows = float32([3, 2], [1, 1, -1, 0, 0, 2])

function predicted(
  model: ModelSpec,
  { loss = 'meanSquaredError' as Loss, feeds = {} as Values } = {},
): readonly number[] {
  const graph = predictionGraph({ model, inputs: 2, loss })
  checkGraph(graph)
  return data(run(graph, { features: rows, ...Object.fromEntries(small), ...feeds }), 'prediction')
}

test('prediction, by hand: x·W + b, relu between', () => {
  // x·W + b: [3.5, 0], [−0.5, 1], [4.5, 2]; relu; then h₁ − 2h₂ + ¼.
  const layers: readonly unknown[] = [{ dense: 2, activation: 'relu' }, { dense: 1 }]
  assert.deepEqual(predicted(modelOf(layers)), [3.75, -1.75, 0.75])
  // Dropout does nothing to a prediction.
  assert.deepEqual(predicted(modelOf(layers.toSpliced(1, 0, { dropout: 0.5 }, { dropout: 0.9 }))), [3.75, -1.75, 0.75])
})

test('a prediction is a probability where the loss is a cross-entropy, whether the last layer says so or not', () => {
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z))
  for (const activation of ['linear', 'sigmoid'])
    near(
      predicted(
        modelOf([
          { dense: 2, activation: 'relu' },
          { dense: 1, activation },
        ]),
        { loss: 'binaryCrossEntropy' },
      ),
      [sigmoid(3.75), sigmoid(-1.75), sigmoid(0.75)],
    )
  for (const activation of ['linear', 'softmax']) {
    const model = modelOf([{ dense: 2, activation }])
    const found = predicted(model, { loss: 'categoricalCrossEntropy' })
    // Logits [3.5, 0], [−0.5, 1], [4.5, 2]: of two classes the first has σ(z₁ − z₂).
    near(
      found,
      [3.5, -1.5, 2.5].flatMap((z) => [sigmoid(z), sigmoid(-z)]),
    )
  }
  const losses = ['binaryCrossEntropy', { categoricalFocalCrossEntropy: {} }, { huber: {} }, 'dice']
  assert.deepEqual(
    losses.map((loss) => outputActivation(lossSchema.parse(loss), 1)),
    ['sigmoid', 'softmax', 'linear', 'sigmoid'],
  )
})

test('each activation between layers, by hand', () => {
  const at = (activation: (typeof activationNames)[number]): readonly number[] => {
    const b = graphBuilder()
    const z = b.input({ name: 'z', type: 'float32', shape: [1, 2] })
    const y = appendActivation(b, z, activation)
    return data(run(b.build('g', [y]), { z: float32([1, 2], [0, Math.log(3)]) }), y)
  }
  near(at('linear'), [0, Math.log(3)])
  near(at('relu'), [0, Math.log(3)])
  near(at('sigmoid'), [0.5, 0.75])
  // tanh(ln 3) = (3 − 1/3) / (3 + 1/3).
  near(at('tanh'), [0, 0.8])
  near(at('softmax'), [0.25, 0.75])
})

test('a row is predicted the same alone and among others', () => {
  const model = modelOf([{ dense: 2, activation: 'tanh' }, { dense: 1 }])
  const one = (row: number): number =>
    predicted(model, { feeds: { features: float32([1, 2], rows.data.slice(2 * row, 2 * row + 2)) } })[0] ?? Number.NaN
  assert.deepEqual([0, 1, 2].map(one), predicted(model))
})

test('pooled: each row gets the personal bias of its hospital, and everything else is shared', () => {
  const layers = [{ dense: 2, activation: 'relu' }, { dense: 1 }]
  const model = modelOf(layers, ['dense_2.bias'])
  const graph = predictionGraph({ model, inputs: 2, loss: 'meanSquaredError', groups: 2 })
  checkGraph(graph)
  const group: NumberValue = { type: 'int32', shape: [3], data: [1, 0, 1] }
  const feeds = { features: rows, group, ...Object.fromEntries(small), 'dense_2.bias': float32([2, 1], [10, 20]) }
  // By hand as above, without ¼ and with the hospital's own.
  assert.deepEqual(data(run(graph, feeds), 'prediction'), [23.5, 8, 20.5])
})

// ---- dropout ----

test('dropout, by hand: a draw below the rate sets to zero, the others are scaled up', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [2, 3] })
  const draws = b.input({ name: 'u', type: 'float32', shape: [2, 3] })
  const layers = resolveLayers(layersIn(modelOf([{ dropout: 0.25, name: 'd' }])), [3])
  const y = appendLayers(b, layers, { x, context: { draw: ({ name }) => (name === 'd' ? draws : undefined) } })
  const feeds = {
    x: float32([2, 3], [3, 3, 3, -6, 0, 9]),
    u: float32([2, 3], [0, 0.25, 0.999, 0.2499, 0.5, 0.75]),
  }
  near(data(run(b.build('g', [y]), feeds), y), [0, 4, 4, 0, 0, 12])
})

test('a dropout layer of rate zero, or without draws, is nothing at all', () => {
  for (const [rate, draw] of [
    [0, () => 'u'],
    [0.5, () => undefined],
  ] as const) {
    const b = graphBuilder()
    const x = b.input({ name: 'x', type: 'float32', shape: [2, 3] })
    b.input({ name: 'u', type: 'float32', shape: [2, 3] })
    const layers = resolveLayers(layersIn(modelOf([{ dropout: rate, name: 'd' }])), [3])
    assert.equal(appendLayers(b, layers, { x, context: { draw } }), x)
    assert.deepEqual(b.nodes(), [])
  }
})

test('any valid model makes a graph that a site accepts, with inputs as its weights', () => {
  const layer = fc.oneof(
    fc.record({ dense: fc.integer({ min: 1, max: 4 }), activation: fc.constantFrom(...activationNames) }),
    fc.record({ dropout: fc.constantFrom(0, 0.5) }),
  )
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 4 }), fc.integer({ min: 1, max: 5 }), (layers, inputs) => {
      const model = modelOf([...layers, { dense: 1 }])
      checkModel(model, { inputs, loss: 'binaryCrossEntropy' })
      const graph = predictionGraph({ model, inputs, loss: 'binaryCrossEntropy' })
      checkGraph(graph)
      const [features, ...weights] = graph.inputs
      assert.deepEqual(features?.shape, ['rows', inputs])
      assert.deepEqual(
        weights.map(({ name, shape }) => ({ name, shape })),
        weightSpecs(model, inputs),
      )
      assert.deepEqual(graph.outputs, [{ name: 'prediction', type: 'float32', shape: ['rows', 1] }])
    }),
  )
})

test('what is frozen neither travels nor stays, is not learnt, and nothing is differentiated past it', () => {
  const layers = [
    { dense: 3, name: 'first' },
    { batchNormalization: {}, name: 'norm' },
    { dense: 2, name: 'second' },
    { dense: 1, name: 'output' },
  ]
  const model = modelSchema.parse({ layers, frozen: ['first.*', 'norm*', 'second.kernel'], personal: ['output.bias'] })
  const names = (specs: readonly { name: string }[]): readonly string[] => specs.map(({ name }) => name)
  const split = splitSpecs(model, 4)
  assert.deepEqual(names(split.shared), ['second.bias', 'output.kernel'])
  assert.deepEqual(names(split.personal), ['output.bias'])
  assert.deepEqual(names(split.frozen).length, 7)
  const training = trainingSchema.parse({
    loss: 'meanSquaredError',
    optimizer: { adam: { rate: 1 } },
    batch: 2,
    epochs: 1,
  })
  const options = { model, training: { ...training, l2: 0.5 }, inputs: 4, batch: 2, weighted: false }
  const { state } = stepParts(options)
  assert.ok(state.every(({ name }) => !name.startsWith('first') && !name.startsWith('norm')))
  const b = graphBuilder('step/')
  const parts = stepParts(options)
  for (const value of parts.outer) b.input(value)
  const { next } = appendStep(b, options, parts)
  const nextOf = new Map(parts.carried.map(({ name }, index) => [name, next[index]]))
  for (const { name } of split.frozen) assert.equal(nextOf.get(name), name)
  for (const { name } of [...split.shared, ...split.personal]) assert.notEqual(nextOf.get(name), name)
  // Backwards through the last layer, for the bias before it, and no further: one product with a turned kernel.
  const graph = b.build('step', next)
  assert.equal(graph.nodes.filter(({ attributes }) => attributes.transB !== undefined).length, 1)
  // Nor is it penalised.
  const penalised = b.nodes().filter(({ op }) => op === 'ReduceSumSquare')
  assert.deepEqual(
    penalised.map(({ inputs }) => inputs),
    [['output.kernel']],
  )
})

test("frozen weights must be weights, nobody else's, and leave something to learn", () => {
  const check = (frozen: readonly string[], personal: readonly string[] = []) =>
    checkModel(modelSchema.parse({ layers: [{ dense: 2 }, { dense: 1, name: 'output' }], frozen, personal }), {
      inputs: 3,
      loss: 'binaryCrossEntropy',
    })
  check(['dense.*'])
  for (const name of ['conv*', 'dense', 'output.Bias']) assert.throws(() => check([name]), refused('model.frozen'))
  assert.throws(() => check(['output.*'], ['output.bias']), refused('model.personal'))
  const adapted = modelSchema.parse({
    layers: [{ dense: 1, name: 'output', lora: { rank: 1, alpha: 1 } }],
    personal: ['output.bias'],
  })
  assert.throws(() => checkModel(adapted, { inputs: 3, loss: 'binaryCrossEntropy' }), refused('model.personal'))
  assert.throws(() => check(['output.*'], ['dense.kernel', 'dense.bias']), refused('model.personal'))
  assert.throws(() => check(['*']), refused('model.layers'))
})
