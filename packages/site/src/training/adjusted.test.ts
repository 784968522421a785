/** Logits that are adjusted by a hospital's own classes, in a trainer's process. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { flatten } from '@wardround/core/safetensors.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { createTrainer } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

test('adjusted logits train, and lose, as if the last bias began by as much further on; it stays where it would be without', async () => {
  const model = modelSchema.parse({
    layers: [
      { dense: 8, activation: 'relu' },
      { dense: 3, name: 'output' },
    ],
  })
  const [rows, width] = [90, 13]
  const random = seededRandom(['clouds'])
  const features = Float32Array.from({ length: rows * width }, () => random.uniform() - 0.5)
  // No class 1, whose share is then 1 of 93.
  const target = Float32Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 2 : 0))
  const adjustment = [61, 1, 31].map((count) => 0.5 * Math.log(count / 93))
  const weights = initialWeights(model, width, seededRandom(['adjusted']))
  const trained = async (loss: unknown, start: Weights) => {
    const training = trainingSchema.parse({ loss, optimizer: { sgd: { rate: 0.1 } }, batch: 30, epochs: 4 })
    return trainer.train({
      ...{ model, training, weights: start, epochs: 4, labels: ['adjusted'] },
      data: { features, rows, width, target },
    })
  }
  const further = (start: Weights, times: number): Weights =>
    start.map((tensor) =>
      tensor.name === 'output.bias'
        ? { ...tensor, data: tensor.data.map((value, label) => value + times * (adjustment[label] ?? Number.NaN)) }
        : tensor,
    )
  const found = await trained({ categoricalCrossEntropy: { logitAdjustment: 0.5 } }, weights)
  const wanted = await trained('categoricalCrossEntropy', further(weights, 1))
  const near = (some: Iterable<number>, others: readonly number[]): void =>
    assert.ok([...some].every((value, index) => Math.abs(value - (others[index] ?? Number.NaN)) < 1e-5))
  near(flatten(found.weights), [...flatten(further(wanted.weights, -1))])
  near(found.lossPerEpoch, wanted.lossPerEpoch)
})
