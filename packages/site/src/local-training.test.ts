import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Study, studySchema } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { amountOf, type BestWeights, firstWeights, trainRounds, withPersonalStart } from './local-training.ts'

const studyOf = (change: { training?: object; model?: object } = {}): Study =>
  studySchema.parse({
    wardround: 1,
    name: 'test',
    question: 'Is it?',
    data: {
      patient: 'who',
      target: { column: 'ill', positive: '> 0' },
      columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
    },
    model: { layers: [{ dense: 1, name: 'output' }], personal: ['output.bias'], ...change.model },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, ...change.training },
    strategy: { fedAvg: {} },
    rounds: { maximum: 3 },
  })

test('epochs have streams of their own in each round; steps are one stream that rounds cut by their number', () => {
  const byEpochs = studyOf({ training: { epochs: 4 } })
  assert.deepEqual(amountOf(byEpochs, [1, 'train', 'a'], 3), { epochs: 4, labels: [1, 'train', 'a', 3] })
  const bySteps = studyOf({ training: { steps: 20 } })
  const [first, third] = [1, 3].map((round) => amountOf(bySteps, [1, 'train', 'a'], round))
  assert.deepEqual(first, { steps: 20, from: 0, labels: [1, 'train', 'a', 'steps'] })
  assert.deepEqual(third, { steps: 20, from: 40, labels: [1, 'train', 'a', 'steps'] })
})

test('a round has its number where a schedule goes by it', () => {
  const schedule = { cosine: { length: 30 } }
  for (const amount of [{ epochs: 4 }, { steps: 20 }])
    assert.equal(amountOf(studyOf({ training: { ...amount, schedule } }), [1, 'train', 'a'], 3).round, 3)
})

test("a personal bias starts at the site's smoothed log-odds, unless the study says where", () => {
  // 3 of 4 are positive: log(3.5 / 1.5).
  const target = Float32Array.of(1, 1, 0, 1)
  const bias = (study: Study): number | undefined =>
    withPersonalStart(study, firstWeights(study, 1), target).find(({ name }) => name === 'output.bias')?.data[0]
  assert.equal(bias(studyOf()), Math.fround(Math.log(3.5 / 1.5)))
  assert.equal(bias(studyOf({ model: { start: { 'output.bias': [0.25] } } })), 0.25)
  const focal = studyOf({ training: { loss: { binaryFocalCrossEntropy: {} } } })
  assert.equal(bias(focal), Math.fround(Math.log(3.5 / 1.5)))
  assert.equal(bias(studyOf({ model: { personal: [], start: { 'output.bias': [0.5] } } })), 0.5)
})

/** Rounds whose weights are their number, with these losses; what was put aside, and what came out. */
async function rounds(losses: readonly number[], rule: { patience: number } | undefined) {
  const weightsOf = (round: number) => [{ name: 'w', shape: [1], data: Float32Array.of(round) }]
  const put: number[] = []
  const numberOf = (weights: Weights): number => weights[0]?.data[0] ?? Number.NaN
  const best: BestWeights = {
    put: (weights) => void put.push(numberOf(weights)),
    take: () => weightsOf(put.at(-1) ?? Number.NaN),
  }
  const study = studyOf()
  const options = {
    study: {
      ...study,
      rounds: { ...study.rounds, ...(rule && { stop: { metric: 'loss', minimumChange: 0, ...rule } as const }) },
    },
    maximum: losses.length,
    start: weightsOf(0),
    train: async (_: Weights, round: number) => weightsOf(round),
    measure: async (weights: Weights) => losses[numberOf(weights) - 1] ?? null,
  }
  const [apart, inMemory] = [await trainRounds({ ...options, best }), await trainRounds(options)]
  assert.deepEqual(apart, inMemory)
  return { put, weights: numberOf(apart.weights), bestRound: apart.bestRound, rounds: apart.rounds }
}

test('the best round is put aside while others are trained, and only where it may be wanted', async () => {
  const stop = { patience: 2 }
  assert.deepEqual(await rounds([5, 4, 6, 7, 1], stop), { put: [1, 2], weights: 2, bestRound: 2, rounds: 4 })
  // The last one is the best: it is there.
  assert.deepEqual(await rounds([5, 6, 3], stop), { put: [1], weights: 3, bestRound: 3, rounds: 3 })
  assert.deepEqual(await rounds([5, 4, 6], undefined), { put: [], weights: 3, bestRound: 3, rounds: 3 })
})
