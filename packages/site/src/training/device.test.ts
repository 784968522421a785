import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { createTrainer, type TrainRequest } from './trainer.ts'

const model = modelSchema.parse({ layers: [{ dense: 1 }] })
const request: TrainRequest = {
  model,
  training: trainingSchema.parse({ loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 2 }),
  data: { features: Float32Array.of(0, 1), rows: 2, width: 1, target: Float32Array.of(0, 1) },
  weights: initialWeights(model, 1, seededRandom(['device'])),
  epochs: 1,
  labels: ['device'],
}

// Training on a GPU is a benchmark (npm run bench -- webgpu): a software driver takes up to a minute to get ready.
test('where there is no GPU, training on one is refused and says so, and the processor is not taken instead', {
  skip: process.platform !== 'linux' && 'only Vulkan can be told that there is no driver',
}, async () => {
  process.env.VK_DRIVER_FILES = '/nowhere.json'
  const trainer = createTrainer({ device: 'webgpu' })
  const refused = (error: unknown) =>
    error instanceof WardroundError &&
    error.code === 'WR_TRAINING_FAILED' &&
    /^There is no GPU .*training\.device.*adapter/.test(String(error.parameters.problem))
  try {
    await assert.rejects(trainer.train(request), refused)
    const { weights, data } = request
    await assert.rejects(trainer.predict({ model, loss: 'binaryCrossEntropy', weights, data }), refused)
  } finally {
    await trainer.close()
  }
})
