/** Cox's partial likelihood through the trainer's own process. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import { float32, numbers } from '@wardround/core/graph/interpreter/values.ts'
import { initialState, step } from '@wardround/core/learning/process.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { concordanceOf, partialLikelihood } from '@wardround/core/metrics/concordance.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { TrainRequest } from './messages.ts'
import { batchIndices } from './plan.ts'
import { createTrainer } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

const [rows, width] = [24, 3]
const random = seededRandom(['survival'])
const features = Float32Array.from({ length: rows * width }, () => 2 * random.uniform() - 1)
/** Who has more of the first feature has the event sooner; a third is censored. */
const target = Float32Array.from({ length: rows * 2 }, (_, at) =>
  at % 2 === 0 ? Math.ceil(8 - 5 * (features[(at / 2) * width] ?? 0)) : Number(at % 3 > 0),
)

function requestOf(epochs: number, batch = 8): TrainRequest {
  const model = modelSchema.parse({ layers: [{ dense: 4, activation: 'tanh' }, { dense: 1 }] })
  const training = trainingSchema.parse({
    loss: 'coxPartialLikelihood',
    optimizer: { sgd: { rate: 0.1 } },
    batch,
    epochs,
  })
  const weights = initialWeights(model, width, seededRandom(['first']))
  const data = { features, rows, width, target, targetWidth: 2 }
  return { model, training, data, weights, epochs, labels: ['survival'] }
}

test('steps are those of the reference interpreter', async () => {
  const request = requestOf(2)
  const { model, training, labels, weights } = request
  const { lossPerEpoch, weights: found } = await trainer.train(request)
  const { graph } = epochGraph({ model, training, inputs: width, batch: 8, weighted: false })
  const batches = batchIndices({ rows, batch: 8, labels }, { from: 0, count: 2 })
  const wanted = run(graph, {
    features: float32([rows, width], [...features]),
    target: float32([rows, 2], [...target]),
    ...Object.fromEntries(weights.map(({ name, shape, data }) => [name, float32(shape, [...data])])),
    batches: { type: 'int32', shape: [6, 8], data: [...batches] },
  })
  const near = (a: number, b: number | undefined): void =>
    assert.ok(Math.abs(a - (b ?? Number.NaN)) < 1e-5, `${a}, ${b}`)
  for (const { name, data } of found) {
    const { data: own } = numbers(wanted[`next/${name}`] ?? assert.fail(name))
    for (const [index, value] of data.entries()) near(value, own[index])
  }
  const { data: losses } = numbers(wanted.losses ?? assert.fail('no losses'))
  for (const [epoch, loss] of lossPerEpoch.entries())
    near(loss, losses.slice(3 * epoch, 3 * epoch + 3).reduce((sum, value) => sum + value, 0) / 3)
})

test('the loss falls, and who is scored higher has the event sooner', async () => {
  const request = requestOf(150, rows)
  const { lossPerEpoch, weights } = await trainer.train(request)
  assert.ok((lossPerEpoch.at(-1) ?? Number.NaN) < 0.9 * (lossPerEpoch[0] ?? Number.NaN), lossPerEpoch.join(' '))
  const { model, data } = request
  const scores = await trainer.predict({ model, loss: 'coxPartialLikelihood', weights, data })
  assert.equal(scores.length, rows)
  const { comparable, concordant } = concordanceOf({ scores, target })()
  assert.ok(concordant / comparable > 0.85, `${concordant} of ${comparable}`)
})

test('by federated averaging an event weighs the same, however many records its hospital has that are a pair with nobody', async () => {
  // Lost before the first event.
  const lost = 3 * rows
  const grown = {
    features: Float32Array.from([...Float32Array.from({ length: lost * width }, () => random.uniform()), ...features]),
    target: Float32Array.from([...new Float32Array(lost * 2), ...target]),
  }
  const rate = 0.5
  const updates = []
  for (const [site, data] of Object.entries({ few: { features, target }, many: grown })) {
    const numExamples = data.target.length / 2
    const { weights } = await trainer.train({
      model: modelSchema.parse({ layers: [{ dense: 1 }] }),
      training: trainingSchema.parse({
        loss: 'coxPartialLikelihood',
        optimizer: { sgd: { rate } },
        batch: 1000,
        steps: 1,
      }),
      data: { ...data, rows: numExamples, width, targetWidth: 2 },
      weights: [
        { name: 'dense.kernel', shape: [width, 1], data: new Float32Array(width) },
        { name: 'dense.bias', shape: [1], data: new Float32Array(1) },
      ],
      ...{ steps: 1, from: 0, labels: ['survival'] },
    })
    updates.push({
      site,
      numExamples,
      delta: Float32Array.from(weights.find(({ name }) => name === 'dense.kernel')?.data ?? []),
    })
  }
  const [few, many] = updates.map(({ numExamples, delta }) => delta.map((value) => numExamples * value))
  const strategy = strategyOf({ fedAvg: { rate: 1 } })
  const { result } = step(strategy, { weights: new Float32Array(width), updates }, initialState(strategy, width))
  const records = updates.reduce((sum, { numExamples }) => sum + numExamples, 0)
  for (const [index, value] of result.entries()) {
    assert.ok(Math.abs((few?.[index] ?? Number.NaN) - (many?.[index] ?? Number.NaN)) < 1e-4)
    const wanted = (-rate * 2 * slopeOf(index)) / records
    assert.ok(Math.abs(value - wanted) < 1e-5 && Math.abs(wanted) > 1e-3, `${value}, not ${wanted}`)
  }
})

/** Of the few's partial likelihood by a coefficient, where all are 0, by the central difference. */
function slopeOf(coefficient: number): number {
  const at = (shift: number): number => {
    const scores = Float64Array.from({ length: rows }, (_, row) => shift * (features[row * width + coefficient] ?? 0))
    return partialLikelihood({ scores, target }).lossSum
  }
  return (at(2 ** -10) - at(-(2 ** -10))) * 2 ** 9
}
