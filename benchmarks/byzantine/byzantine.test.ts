import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Trainer, TrainRequest } from '@wardround/site/training/trainer.ts'
import { type Attack, attacks } from './attacks.ts'
import { accuracyOf, type ByzantineRow, bestOf, rowsOf } from './byzantine.ts'
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

const run = (accuracies: readonly number[]) =>
  accuracies.map((accuracy, index) => ({ name: ['a', 'b', 'c'][index] ?? '', patients: 10 * (index + 1), accuracy }))

test('accuracy is over the patients of honest hospitals, each as often as it has some', () => {
  assert.equal(accuracyOf(run([1, 0.5, 0])), 20 / 60)
  assert.equal(accuracyOf(run([1, 0.5, 0]), ['c']), 20 / 30)
  assert.equal(accuracyOf(undefined, ['c']), 0)
})

test('a row is of the coalition that costs most at the hospitals that did not lie, not of the lowest figure', () => {
  const clean = run([0.9, 0.9, 0.3])
  // Without a, the others have 0.54 as they had before; without c, 0.7 instead of 0.9.
  const byCoalition = [run([0, 0.9, 0.3]), run([0.7, 0.7, 0])]
  const task = { name: 't', coalitions: [['a'], ['c']] }
  const better = { rule: 'better', clean: run([1, 1, 0.3]), attacked: [] }
  const [row] = rowsOf(task, [{ rule: 'median', clean, attacked: [{ attack: 'x', byCoalition }] }, better])
  assert.deepEqual(
    Object.entries(row ?? {}).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.round(1000 * value) / 1000 : value,
    ]),
    Object.entries({
      task: 't',
      attack: 'x',
      rule: 'median',
      liars: ['c'],
      accuracy: 0.7,
      cleanAccuracy: 0.9,
      bestCleanAccuracy: 1,
      overallAccuracy: 0.35,
      abandoned: 0,
    }),
  )
})

test('a federation of which no model came counts as nothing', () => {
  const task = { name: 't', coalitions: [['a'], ['b']] }
  const clean = run([1, 1, 1])
  const [row] = rowsOf(task, [{ rule: 'mean', clean, attacked: [{ attack: 'x', byCoalition: [clean, undefined] }] }])
  assert.deepEqual([row?.accuracy, row?.liars, row?.abandoned], [0, ['b'], 1])
})

test('the best rule is the one whose worst attack costs least, of the best clean one', () => {
  const row = (rule: string, attack: string, accuracy: number): ByzantineRow => {
    const figures = { accuracy, cleanAccuracy: 0, bestCleanAccuracy: 0.9, overallAccuracy: 0 }
    return { task: 't', rule, attack, liars: [], ...figures, abandoned: 0 }
  }
  const rows = [row('mean', 'x', 0.9), row('mean', 'y', 0.5), row('median', 'x', 0.86), row('median', 'y', 0.87)]
  const [best] = bestOf(rows)
  assert.deepEqual(
    { ...best, cost: Math.round(best?.cost ?? 0) },
    { task: 't', rule: 'median', worstAttack: 'x', cost: 4 },
  )
})
