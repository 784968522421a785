/** Images are bytes until they are in the graph: what comes out is what numbers would have given. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { createTrainer, type Dataset } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

const extents = [3, 64, 64]
const width = 3 * 64 * 64
const rows = 50
const random = seededRandom(['images'])
const features = Uint8Array.from({ length: rows * width }, () => random.below(256))
const pixelScale = { mean: Float32Array.of(120, 130.5, 99), deviation: Float32Array.of(70, 60.25, 81) }
const target = Float32Array.from({ length: rows }, (_, row) => row % 2)
const images: Dataset = { features, rows, width, extents, pixelScale, target }
/** As the graph has it, in Float32. */
const numbers: Dataset = {
  features: Float32Array.from(features, (level, at) => {
    const channel = Math.floor((at % width) / 4096)
    return Math.fround(level - (pixelScale.mean[channel] ?? 0)) / (pixelScale.deviation[channel] ?? 1)
  }),
  rows,
  width,
  extents,
  target,
}
const model = modelSchema.parse({
  layers: [
    { conv2d: 4, kernel: 3, strides: 2, activation: 'relu' },
    { globalAveragePool: {} },
    { dense: 1, name: 'output' },
  ],
})
const weights = initialWeights(model, extents, seededRandom(['weights']))
const loss = 'binaryCrossEntropy'

test('a round on bytes gives the bits of a round on numbers', async () => {
  const training = trainingSchema.parse({ loss, optimizer: { adam: { rate: 0.01 } }, batch: 16, epochs: 1 })
  const run = (data: Dataset) => trainer.train({ model, training, data, weights, epochs: 1, labels: ['test'] })
  const [first, second] = [await run(images), await run(numbers)]
  assert.deepEqual(first, second)
  assert.notDeepEqual(first.weights, weights)
})

test('predictions of many images, made in parts, are those of each part by itself', async () => {
  // 2^18 values a part: 21 images.
  const predict = (data: Dataset) => trainer.predict({ model, loss, weights, data })
  const all = await predict(images)
  assert.equal(all.length, rows)
  assert.deepEqual(all, await predict(numbers))
  for (const [from, to] of [
    [0, 21],
    [21, 42],
    [42, 50],
  ] as const) {
    const part = { ...images, features: features.slice(from * width, to * width), rows: to - from }
    assert.deepEqual(await predict(part), all.slice(from, to))
  }
})

test('images are changed by chance as the study says: by draws of the labels’ own, and never for predictions', async () => {
  const changed = { flip: 'horizontal', shift: 0.1, rotation: 10, scale: 0.1, brightness: 0.1 }
  const trainingOf = (augment?: object) =>
    trainingSchema.parse({ loss, optimizer: { sgd: { rate: 0.01 } }, batch: 16, epochs: 1, augment })
  const run = (augment?: object, labels: readonly string[] = ['test']) =>
    trainer.train({ model, training: trainingOf(augment), data: images, weights, epochs: 1, labels })
  const [first, again, other] = [await run(changed), await run(changed), await run(changed, ['other'])]
  assert.deepEqual(first, again)
  assert.notDeepEqual(first, other)
  const plain = await run()
  assert.notDeepEqual(first, plain)
  // Nothing by chance is nothing changed; between pixels is their own place, but for rounding.
  const nothing = await run({ brightness: 0 })
  assert.deepEqual(nothing, plain)
})

test('pooled hospitals that normalise by themselves keep their own scales, each for its images', async () => {
  const training = trainingSchema.parse({ loss, optimizer: { sgd: { rate: 0.01 } }, batch: 16, epochs: 1 })
  const group = Int32Array.from({ length: rows }, (_, row) => row % 2)
  const other = { mean: Float32Array.of(1, 2, 3), deviation: Float32Array.of(4, 5, 6) }
  const both = {
    mean: Float32Array.of(...pixelScale.mean, ...other.mean),
    deviation: Float32Array.of(...pixelScale.deviation, ...other.deviation),
  }
  const scaled = Float32Array.from(features, (level, at) => {
    const [row, channel] = [Math.floor(at / width), Math.floor((at % width) / 4096)]
    const { mean, deviation } = row % 2 === 0 ? pixelScale : other
    return Math.fround(level - (mean[channel] ?? 0)) / (deviation[channel] ?? 1)
  })
  const common = { model, training, weights, epochs: 1, labels: ['test'] }
  const pooled = await trainer.train({ ...common, data: { ...images, pixelScale: both, group }, groups: 2 })
  assert.deepEqual(pooled, await trainer.train({ ...common, data: { ...numbers, features: scaled } }))
  // One hospital's own records come with its own scale.
  const alone = { ...images, group: new Int32Array(rows) }
  const told = await trainer.predict({ model, loss, weights, data: alone, groups: 2 })
  assert.deepEqual(told, await trainer.predict({ model, loss, weights, data: images }))
})
