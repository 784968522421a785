import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Trainer, TrainRequest } from '@wardround/site/training/trainer.ts'
import { type Attack, attacks } from './attacks.ts'
import { type ByzantineRow, bestOf } from './byzantine.ts'
import { hostileTrainer } from './hostile-trainer.ts'

/** Adds 1 to each weight for each record of class 1, and so to the personal bias. */
const counting: Trainer = {
  train: async ({ weights, data }) => {
    const ones = data.target.reduce((sum, value) => sum + value, 0)
    return {
      weights: weights.map((tensor) => ({ ...tensor, data: tensor.data.map((value) => value + ones) })),
      steps: 1,
      lossPerEpoch: [0],
    }
  },
  predict: async () => new Float32Array(),
  warm: () => undefined,
  close: async () => undefined,
}

const model = modelSchema.parse({ layers: [{ dense: 1, name: 'output' }], personal: ['output.bias'] })

const training = trainingSchema.parse({
  loss: 'binaryCrossEntropy',
  optimizer: { sgd: { rate: 1 } },
  batch: 1,
  epochs: 1,
})

const request = (site: string, ones: number): TrainRequest => ({
  model,
  training,
  data: {
    features: new Float32Array(4),
    rows: 4,
    width: 1,
    target: Float32Array.from([0, 1, 2, 3], (i) => (i < ones ? 1 : 0)),
  },
  weights: [
    { name: 'output.kernel', shape: [1, 1], data: Float32Array.of(10) },
    { name: 'output.bias', shape: [1], data: Float32Array.of(20) },
  ],
  epochs: 1,
  labels: [1, 'train', site, 7],
})

const named = (name: string): Attack => attacks.find((attack) => attack.name === name) ?? assert.fail(name)
const sites = ['a', 'b', 'c']
const weightsOf = async (attack: Attack, order: readonly string[]): Promise<Record<string, number[]>> => {
  const trainer = hostileTrainer(counting, { attack, attackers: ['c'], sites })
  const ones: Readonly<Record<string, number>> = { a: 1, b: 3, c: 4 }
  const done = await Promise.all(
    order.map(async (site) => {
      const { weights } = await trainer.train(request(site, ones[site] ?? 0))
      return [site, weights.flatMap(({ data }) => [...data])] as const
    }),
  )
  return Object.fromEntries(done)
}

test('a liar sends what its attack makes of the honest updates, and honest hospitals what they trained', async () => {
  // The liar is asked first, and waits for the others: their kernels change by 1 and 3.
  const found = await weightsOf(named('inner product, ε 10'), ['c', 'b', 'a'])
  assert.deepEqual(found, { a: [11, 21], b: [13, 23], c: [10 - 10 * 2, 24] })
})

test('a little is enough: the mean less 1.5 deviations', async () => {
  const { c } = await weightsOf(named('a little is enough'), ['a', 'c', 'b'])
  assert.deepEqual(c, [10 + 2 - 1.5, 24])
})

test('a liar that flips labels trains on the others', async () => {
  const { c } = await weightsOf(named('label flip'), sites)
  assert.deepEqual(c, [10, 20])
})

test('the best rule is the one that keeps most under its worst attack, and its cost is counted from the best clean rule', () => {
  const row = (
    rule: string,
    attack: string,
    figures: Pick<ByzantineRow, 'accuracy' | 'cleanAccuracy'>,
  ): ByzantineRow => {
    return { task: 't', rule, attack, ...figures, meanAccuracy: 0, abandoned: 0 }
  }
  const [best] = bestOf([
    row('mean', 'x', { accuracy: 0.9, cleanAccuracy: 0.9 }),
    row('mean', 'y', { accuracy: 0.5, cleanAccuracy: 0.9 }),
    row('median', 'x', { accuracy: 0.86, cleanAccuracy: 0.88 }),
    row('median', 'y', { accuracy: 0.87, cleanAccuracy: 0.88 }),
  ])
  assert.deepEqual(
    { ...best, cost: Math.round(best?.cost ?? 0) },
    { task: 't', rule: 'median', worstAttack: 'x', cost: 4 },
  )
})
