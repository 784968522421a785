import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Amount, TrainRequest } from './messages.ts'
import { scheduleOf } from './plan.ts'
import { stepRates } from './rates.ts'
import { createTrainer } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

const trainingWith = (schedule?: object, rate = 0.5): TrainRequest['training'] =>
  trainingSchema.parse({
    loss: 'binaryCrossEntropy',
    optimizer: { sgd: { rate, momentum: 0.5 } },
    batch: 4,
    epochs: 1,
    schedule,
  })
const halves = (over?: 'steps') => ({ exponential: { factor: 0.5, ...(over && { over }) } })

/** The rates of each part by itself, in order. */
function ratesOf(amount: Amount, schedule: object | undefined, round?: number): readonly (readonly number[])[] {
  const plan = scheduleOf(amount, { rows: 10, batch: 4, labels: ['rates'] })
  const asked = { training: trainingWith(schedule), ...(round === undefined ? {} : { round }) }
  const parts = Array.from({ length: plan.parts.count }, (_, index) => ({ from: plan.parts.from + index, count: 1 }))
  const single = parts.map((part) => [...(stepRates(asked, plan, part) ?? [])])
  assert.deepEqual([...(stepRates(asked, plan, plan.parts) ?? [])], single.flat())
  return single
}

test('over rounds all steps of a round have the rate of its number', () => {
  const epochs = [1, 2, 3].map((round) => ratesOf({ epochs: 2 }, halves(), round))
  assert.deepEqual(epochs, [
    [Array(3).fill(0.5), Array(3).fill(0.5)],
    [Array(3).fill(0.25), Array(3).fill(0.25)],
    [Array(3).fill(0.125), Array(3).fill(0.125)],
  ])
  assert.deepEqual(ratesOf({ steps: 3, from: 6 }, halves(), 3), [[0.125], [0.125], [0.125]])
})

test('over steps every round begins anew, whatever its number', () => {
  for (const round of [1, 5]) {
    assert.deepEqual(ratesOf({ epochs: 2 }, halves('steps'), round), [
      [0.5, 0.25, 0.125],
      [0.0625, 0.03125, 0.015625],
    ])
    const from = (round - 1) * 3
    assert.deepEqual(ratesOf({ steps: 3, from }, halves('steps'), round), [[0.5], [0.25], [0.125]])
  }
})

test('without a schedule there are none, and with one the round must be known', () => {
  assert.deepEqual(ratesOf({ epochs: 1 }, undefined), [[]])
  assert.throws(() => ratesOf({ epochs: 1 }, halves()), /number of the round/)
})

const model = modelSchema.parse({ layers: [{ dense: 3, activation: 'tanh' }, { dense: 1 }] })
const random = seededRandom(['data'])
const data = {
  features: Float32Array.from({ length: 30 }, () => random.uniform() - 0.5),
  rows: 10,
  width: 3,
  target: Float32Array.from({ length: 10 }, () => random.below(2)),
}
async function trained(training: TrainRequest['training'], round: number, epochs = 2) {
  const weights = initialWeights(model, 3, seededRandom(['weights']))
  const result = await trainer.train({ model, training, data, weights, epochs, labels: ['rates'], round })
  return result.weights.map(({ name, data: values }) => [name, ...values])
}

test('a schedule trains to the bits of the rate that it comes to', async () => {
  const plain = await trained(trainingWith(), 1)
  assert.deepEqual(await trained(trainingWith({ constant: {} }), 7), plain)
  assert.deepEqual(await trained(trainingWith(halves()), 1), plain)
  assert.deepEqual(await trained(trainingWith(halves()), 3), await trained(trainingWith(undefined, 0.125), 3))
  assert.notDeepEqual(await trained(trainingWith(halves('steps')), 1), plain)
})
