import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/layers.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { createTrainer, type TrainRequest } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

const model = modelSchema.parse({
  layers: [
    { dense: 64, activation: 'relu' },
    { dropout: 0.1 },
    { dense: 32, activation: 'relu' },
    { dense: 1, name: 'output' },
  ],
})
const training = trainingSchema.parse({
  loss: 'binaryCrossEntropy',
  optimizer: { sgd: { rate: 0.05, momentum: 0.9 } },
  batch: 32,
  epochs: 5,
  l2: 0.001,
})

/** Two noisy clouds that a line separates. */
function clouds(rows: number, width = 13) {
  const random = seededRandom(['clouds'])
  const target = Float32Array.from({ length: rows }, (_, row) => row % 2)
  const features = Float32Array.from(
    { length: rows * width },
    (_, i) => random.uniform() - 0.5 + (target[Math.floor(i / width)] ?? 0) * 0.4,
  )
  return { features, rows, width, target }
}
const request = (change: Partial<TrainRequest> = {}): TrainRequest => ({
  model,
  training,
  data: clouds(200),
  weights: initialWeights(model, 13, seededRandom(['weights'])),
  epochs: 5,
  labels: ['test'],
  ...change,
})
const coded = (code: string) => (error: unknown) => error instanceof WardroundError && error.code === code

test('training lowers the loss, and predictions follow the target', async () => {
  const { weights, lossPerEpoch, steps } = await trainer.train(request({ epochs: 20 }))
  assert.equal(steps, 20 * Math.ceil(200 / 32))
  assert.ok((lossPerEpoch.at(-1) ?? 1) < (lossPerEpoch[0] ?? 0) / 3, lossPerEpoch.join(' '))
  const { features, rows, width, target } = clouds(200)
  const scores = await trainer.predict({ model, loss: 'binaryCrossEntropy', weights, data: { features, rows, width } })
  const right = scores.filter((score, row) => (score > 0.5 ? 1 : 0) === target[row]).length
  assert.ok(right > 190, `${right} of 200`)
})

test('the same request gives the same bits, and another label gives others', async () => {
  const [first, again, other] = await Promise.all([
    trainer.train(request()),
    trainer.train(request()),
    trainer.train(request({ labels: ['other'] })),
  ])
  assert.deepEqual(again, first)
  assert.notDeepEqual(other.weights, first.weights)
})

test('a rate that is too high is reported as divergence, with the epoch', async () => {
  const wild = trainingSchema.parse({ ...training, optimizer: { sgd: { rate: 1000 } }, loss: 'meanSquaredError' })
  await assert.rejects(trainer.train(request({ training: wild, epochs: 50 })), coded('WR_TRAINING_DIVERGED'))
})

test('training is cancelled between calls, and the worker goes on serving', async () => {
  const controller = new AbortController()
  const long = trainer.train(request({ epochs: 100_000 }), {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  })
  await assert.rejects(long, coded('WR_CANCELLED'))
  assert.equal((await trainer.train(request({ epochs: 1 }))).lossPerEpoch.length, 1)
})

test('a site with fewer records than a batch trains on what it has', async () => {
  const { steps } = await trainer.train(request({ data: clouds(7), epochs: 3 }))
  assert.equal(steps, 3)
})
