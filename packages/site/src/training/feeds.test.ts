import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { outerFeeds } from './feeds.ts'
import type { Dataset } from './messages.ts'
import { stepOptions } from './step-options.ts'

test('whatever a study says of a step reaches its graph, and what is no part of a graph does not', () => {
  const optionsOf = (change: object): unknown =>
    stepOptions({
      model: modelSchema.parse({ layers: [{ dense: 1 }] }),
      training: trainingSchema.parse({
        loss: 'binaryCrossEntropy',
        optimizer: { sgd: { rate: 0.1 } },
        batch: 4,
        ...change,
      }),
      data: { features: new Float32Array(8), rows: 8, width: 1, target: new Float32Array(8) },
      weights: [],
      epochs: 1,
      labels: [],
    })
  const steps = [
    {},
    { loss: { binaryFocalCrossEntropy: {} } },
    { optimizer: { adam: { rate: 0.1 } } },
    { l2: 0.1 },
    { clipGradients: { norm: 1 } },
    { clipGradients: { value: 1 } },
    { batch: 5 },
    { schedule: { constant: {} } },
  ].map(optionsOf)
  assert.equal(new Set(steps.map((options) => JSON.stringify(options))).size, steps.length)
  // One graph for all schedules: rates are fed.
  assert.deepEqual(optionsOf({ schedule: { cosine: { length: 9, over: 'steps' } } }), steps.at(-1))
  assert.deepEqual(optionsOf({ epochs: 3 }), steps[0])
})

test('a target has as many values of each record as its data set says', () => {
  const targetOf = (data: Pick<Dataset, 'target' | 'targetWidth'>) =>
    outerFeeds({
      model: modelSchema.parse({ layers: [{ dense: 1 }] }),
      training: trainingSchema.parse({
        loss: 'coxPartialLikelihood',
        optimizer: { sgd: { rate: 0.1 } },
        batch: 4,
      }),
      data: { features: new Float32Array(3), rows: 3, width: 1, ...data },
      weights: [],
      epochs: 1,
      labels: [],
    }).target
  assert.deepEqual(targetOf({ target: Float32Array.of(1, 0, 1) })?.dims, [3, 1])
  const both = targetOf({ target: Float32Array.of(5, 1, 3, 0, 9, 1), targetWidth: 2 })
  assert.deepEqual(both?.dims, [3, 2])
  assert.deepEqual([...(both?.data ?? [])], [5, 1, 3, 0, 9, 1])
})

test('logits are adjusted by the classes of the records that are trained on, of several hospitals by those of all, and by nothing where no study asks', () => {
  const feeds = (loss: unknown, labels: readonly number[], groups?: number) =>
    outerFeeds({
      model: modelSchema.parse({ layers: [{ dense: 3 }] }),
      training: trainingSchema.parse({ loss, optimizer: { sgd: { rate: 0.1 } }, batch: 4 }),
      data: {
        features: new Float32Array(labels.length),
        rows: labels.length,
        width: 1,
        target: Float32Array.from(labels),
        ...(groups === undefined ? {} : { group: Int32Array.from(labels, (_, row) => row % groups) }),
      },
      weights: [],
      epochs: 1,
      labels: [],
      ...(groups === undefined ? {} : { groups }),
    })
  const adjusting = { categoricalCrossEntropy: { logitAdjustment: 2, labelSmoothing: 0.1 } }
  const shares = (...counts: readonly number[]): Float32Array =>
    Float32Array.from(counts, (count) => 2 * Math.log((count + 1) / (counts.reduce((sum, one) => sum + one) + 3)))
  const { adjustment } = feeds(adjusting, [0, 2, 0, 0, 2])
  assert.deepEqual(adjustment?.dims, [1, 3])
  assert.deepEqual(adjustment?.data, shares(3, 0, 2))
  assert.deepEqual(feeds(adjusting, [0, 2, 0, 0, 2, 1, 1], 2).adjustment?.data, shares(3, 2, 2))
  for (const loss of ['categoricalCrossEntropy', { categoricalCrossEntropy: { labelSmoothing: 0.1 } }])
    assert.equal(feeds(loss, [0, 2]).adjustment, undefined)
})
