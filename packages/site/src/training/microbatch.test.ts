/** Batches in parts, on the runtime: for models that graphs of graphs could be a trouble for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { TrainRequest } from './messages.ts'
import { createRunner } from './run.ts'

const models = {
  perceptron: [{ dense: 16, activation: 'relu' }, { dropout: 0.25 }, { dense: 1 }],
  convolutional: [
    { reshape: [1, 8, 8] },
    { conv2d: 4, kernel: 3, activation: 'relu' },
    { maxPool2d: 2 },
    { flatten: {} },
    { dense: 1 },
  ],
} as const

const [rows, width] = [20, 64]
const random = seededRandom(['microbatch'])
const features = Float32Array.from({ length: rows * width }, () => random.uniform() - 0.5)
const target = Float32Array.from({ length: rows }, () => random.below(2))
const runner = createRunner()
const control = { cancelled: () => false, progress: () => undefined, between: () => undefined }

function requestOf(layers: readonly unknown[], microbatch?: number): TrainRequest {
  const model = modelSchema.parse({ layers })
  const training = trainingSchema.parse({
    loss: 'binaryCrossEntropy',
    optimizer: { sgd: { rate: 0.1, momentum: 0.9 } },
    batch: 8,
    epochs: 2,
    microbatch,
  })
  const weights = initialWeights(model, width, seededRandom(['first']))
  return { model, training, data: { features, rows, width, target }, weights, epochs: 2, labels: ['microbatch'] }
}

for (const [name, layers] of Object.entries(models))
  test(`${name}: as the whole batch to the tolerance of floats, and the same bits again`, async () => {
    const whole = await runner.train(requestOf(layers), control)
    const parts = await runner.train(requestOf(layers, 3), control)
    assert.deepEqual(await createRunner().train(requestOf(layers, 3), control), parts)
    for (const [index, { data }] of whole.weights.entries())
      for (const [at, value] of data.entries())
        assert.ok(
          Math.abs(value - (parts.weights[index]?.data[at] ?? Number.NaN)) <= 1e-5 * Math.max(1, Math.abs(value)),
        )
    assert.ok(
      whole.weights.some(({ data }, index) => data.some((value, at) => value !== parts.weights[index]?.data[at])),
    )
  })

test('recurrent: refused, before anything runs', async () => {
  const layers = [{ reshape: [8, 8] }, { gru: 6 }, { dense: 1 }]
  await assert.rejects(
    runner.train(requestOf(layers, 3), control),
    (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
  )
})
