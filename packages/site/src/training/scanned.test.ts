import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { TrainRequest } from './messages.ts'
import { scheduleOf } from './plan.ts'
import { type Epoch, scanned } from './scanned.ts'
import { remembered } from './way.ts'

const request: TrainRequest = {
  epochs: 3,
  model: modelSchema.parse({ layers: [{ dense: 1 }] }),
  training: trainingSchema.parse({
    loss: 'meanSquaredError',
    optimizer: { adam: { rate: 0.5 } },
    batch: 1,
    epochs: 3,
  }),
  data: { features: Float32Array.of(1, 2), rows: 2, width: 1, target: Float32Array.of(3, 5) },
  weights: [
    { name: 'dense.kernel', shape: [1, 1], data: Float32Array.of(1) },
    { name: 'dense.bias', shape: [1], data: Float32Array.of(0) },
  ],
  labels: ['scanned'],
}

test('what a call has come to is given back after the next one, and what the request brought is left as it is', async () => {
  const schedule = scheduleOf(request, { rows: 2, batch: 1, labels: request.labels })
  const way = await scanned(remembered<Epoch>(), { request, schedule, batch: 1, goOn: () => undefined })
  await way.advance({ from: 0, count: 1 })
  const first = way.carried()
  assert.ok(first.length > 2 && first.every(({ data }) => data.length === 1))
  await way.advance({ from: 1, count: 1 })
  assert.ok(first.every(({ data }) => data.length === 0))
  assert.deepEqual(
    request.weights.map(({ data }) => [...data]),
    [[1], [0]],
  )
  assert.ok(way.weights().every(({ data }) => Number.isFinite(data[0])))
})
