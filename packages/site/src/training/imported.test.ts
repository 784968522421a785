/** A model from a file in the trainer: predictions of many records come a part at a time, and steps are those of the same layers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAdapter } from '@wardround/core/graph/import/adapters.ts'
import { plannedModel } from '@wardround/core/graph/import/planned.ts'
import { imageFile, smallFile } from '@wardround/core/graph/testing/small-file.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { createRunner } from './run.ts'

const { graph, weights } = plannedModel(smallFile({ inputs: 2 }))
const model = modelSchema.parse({ onnx: { graph, weights: { sha256: '0'.repeat(64), sizeBytes: 1 } } })
const features = (rows: number) => Float32Array.from({ length: 2 * rows }, (_, index) => Math.sin(index * 0.37))

/** By hand. */
const predicted = (x: number, y: number): number => {
  const h = [x * 0.25 + y * 0.75 + 0.25, x * 0.5 + y + 0.5].map(Math.tanh)
  return 1 / (1 + Math.exp(-((h[0] ?? 0) * 0.25 + (h[1] ?? 0) * 0.5 + 0.25)))
}

test('any number of records is predicted, each as it would be alone', async () => {
  const runner = createRunner()
  for (const rows of [0, 1, 255, 256, 257, 600]) {
    const data = { features: features(rows), rows, width: 2 }
    const made = await runner.predict({ model, loss: 'binaryCrossEntropy', weights, data })
    assert.equal(made.length, rows)
    for (let row = 0; row < rows; row++) {
      const wanted = predicted(data.features[2 * row] ?? 0, data.features[2 * row + 1] ?? 0)
      assert.ok(Math.abs((made[row] ?? 0) - wanted) < 1e-6, `${rows}: ${row}`)
    }
  }
})

test('images are predicted from their bytes, part by part', async () => {
  const extents = [1, 128, 128]
  const [width, rows] = [128 * 128, 20]
  const { graph: ofImages, weights: pixels } = plannedModel(imageFile(extents))
  const random = seededRandom(['pixels'])
  const levels = Uint8Array.from({ length: rows * width }, () => random.below(256))
  const pixelScale = { mean: Float32Array.of(127.5), deviation: Float32Array.of(1 << 22) }
  const made = await createRunner().predict({
    model: modelSchema.parse({ onnx: { graph: ofImages, weights: { sha256: '0'.repeat(64), sizeBytes: 1 } } }),
    loss: 'binaryCrossEntropy',
    weights: pixels,
    data: { features: levels, rows, width, extents, pixelScale },
  })
  assert.equal(made.length, rows)
  for (let row = 0; row < rows; row++) {
    const image = levels.subarray(row * width, (row + 1) * width)
    // The weights go up by a quarter.
    const z = image.reduce((sum, level, at) => sum + (((level - 127.5) / (1 << 22)) * (at + 1)) / 4, 0.25)
    assert.ok(Math.abs((made[row] ?? 0) - 1 / (1 + Math.exp(-z))) < 1e-4, `${row}`)
  }
})

test('steps come to what they come to with the same layers', async () => {
  const rows = 20
  const layers = modelSchema.parse({
    layers: [
      { dense: 2, activation: 'tanh', name: 'hidden' },
      { dense: 1, name: 'out' },
    ],
  })
  const asKeras: Weights = weights.map((tensor) => ({ ...tensor, name: tensor.name.replace('weight', 'kernel') }))
  const request = {
    training: trainingSchema.parse({
      loss: 'binaryCrossEntropy',
      optimizer: { adam: { rate: 0.05 } },
      batch: 8,
      epochs: 3,
      l2: 0.01,
    }),
    data: {
      features: features(rows),
      rows,
      width: 2,
      target: Float32Array.from({ length: rows }, (_, row) => row % 2),
    },
    labels: ['same'],
    epochs: 3,
    classWeights: [1, 2],
  }
  const control = { cancelled: () => false, progress: () => undefined, between: () => undefined }
  const copy = (given: Weights): Weights => given.map((tensor) => ({ ...tensor, data: tensor.data.slice() }))
  const runner = createRunner()
  const file = await runner.train({ ...request, model, weights: copy(weights) }, control)
  const own = await runner.train({ ...request, model: layers, weights: copy(asKeras) }, control)
  for (const [index, { data }] of file.weights.entries()) {
    assert.notDeepEqual(data, weights[index]?.data)
    for (const [place, value] of data.entries())
      assert.ok(Math.abs(value - (own.weights[index]?.data[place] ?? 0)) < 1e-6)
  }
})

test('of a model with adapters these alone are learnt, in parts of a batch, too', async () => {
  const rows = 20
  const planned = plannedModel(smallFile({ inputs: 2 }), {
    rank: 1,
    alpha: 2,
    weights: ['hidden.weight', 'out.weight'],
  })
  const adapted = modelSchema.parse({
    onnx: { graph: planned.graph, weights: { sha256: '0'.repeat(64), sizeBytes: 1 } },
    frozen: weights.map(({ name }) => name),
  })
  const target = Float32Array.from({ length: rows }, (_, row) => Number(Math.sin(row * 2 * 0.37) > 0))
  for (const microbatch of [undefined, 3]) {
    const training = trainingSchema.parse({
      loss: 'binaryCrossEntropy',
      optimizer: { adam: { rate: 0.05 } },
      batch: 10,
      epochs: 20,
      microbatch,
    })
    const { weights: learnt, lossPerEpoch } = await createRunner().train(
      {
        model: adapted,
        training,
        data: { features: features(rows), rows, width: 2, target },
        weights: structuredClone(planned.weights),
        labels: ['lora'],
        epochs: 20,
      },
      { cancelled: () => false, progress: () => undefined, between: () => undefined },
    )
    for (const [index, { name, data }] of learnt.entries()) {
      const first = planned.weights[index]?.data
      if (isAdapter(name)) assert.notDeepEqual(data, first, name)
      else assert.deepEqual(data, first, name)
    }
    assert.ok((lossPerEpoch.at(-1) ?? 1) < 0.9 * (lossPerEpoch[0] ?? 0), `${lossPerEpoch}`)
  }
})
