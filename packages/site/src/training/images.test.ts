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
