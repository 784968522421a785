/** A process that closes trainers while the runtime is at work, at every moment from its loading on; it says how many it closed. */
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { createTrainer } from '../trainer.ts'

const model = modelSchema.parse({
  layers: [
    { dense: 256, activation: 'relu' },
    { dense: 1, name: 'output' },
  ],
})
const training = trainingSchema.parse({
  loss: 'binaryCrossEntropy',
  optimizer: { sgd: { rate: 0.01 } },
  batch: 32,
  epochs: 1000,
})
const rows = 320
const data = {
  features: new Float32Array(rows * 13).fill(0.5),
  rows,
  width: 13,
  target: Float32Array.from({ length: rows }, (_, row) => row % 2),
}
const weights = initialWeights(model, 13, seededRandom(['closing']))

let closed = 0
for (let waitMs = 0; waitMs < Number(process.argv[2]); waitMs += 40) {
  const trainer = createTrainer()
  const running = trainer
    .train({ model, training, data, weights, epochs: 1000, labels: ['closing'] })
    .catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  await trainer.close()
  await running
  closed += 1
}
process.stdout.write(`${closed}\n`)
