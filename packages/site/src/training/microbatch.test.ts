/** Batches in parts, on the runtime: near the whole batch, and the same bits however many threads work on them. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, test } from 'node:test'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import fc from 'fast-check'
import { type Lane, type Lanes, ownLane, startThreads } from './lanes.ts'
import type { TrainRequest } from './messages.ts'
import { type Parted, parted } from './parted.ts'
import { scheduleOf } from './plan.ts'
import { createRunner } from './run.ts'
import type { Sizes } from './stepwise.ts'
import { requests } from './testing/requests.ts'
import { createTrainer } from './trainer.ts'
import { remembered } from './way.ts'

const models = {
  perceptron: [{ dense: 16, activation: 'relu' }, { dropout: 0.25 }, { dense: 1 }],
  convolutional: [
    { reshape: [1, 8, 8] },
    { conv2d: 4, kernel: 3, activation: 'relu' },
    { maxPool2d: 2 },
    { flatten: {} },
    { dense: 1 },
  ],
  recurrent: [{ reshape: [8, 8] }, { gru: 6 }, { dense: 1 }],
} as const

const [rows, width] = [20, 64]
const random = seededRandom(['microbatch'])
const features = Float32Array.from({ length: rows * width }, () => random.uniform() - 0.5)
const target = Float32Array.from({ length: rows }, () => random.below(2))
const runner = createRunner()
const control = { cancelled: () => false, progress: () => undefined, between: () => undefined }
const threads = await startThreads(2)
after(() => threads.close())
const lanesOf = (count: number): Lanes => [ownLane('cpu'), ...threads.lanes].slice(0, count)

function requestOf(layers: readonly unknown[], microbatch?: number): TrainRequest {
  const model = modelSchema.parse({ layers })
  const training = trainingSchema.parse({
    loss: 'binaryCrossEntropy',
    optimizer: { sgd: { rate: 0.1, momentum: 0.9 } },
    batch: 8,
    epochs: 2,
    microbatch,
  })
  const weights = initialWeights(model, width, seededRandom(['first']))
  return { model, training, data: { features, rows, width, target }, weights, epochs: 2, labels: ['microbatch'] }
}

for (const [name, layers] of Object.entries(models))
  test(`${name}: as the whole batch to the tolerance of floats, and the same bits again, beside other threads, too`, async () => {
    const whole = await runner.train(requestOf(layers), control)
    const parts = await runner.train(requestOf(layers, 3), control)
    for (const lanes of [1, 2, 3])
      assert.deepEqual(await createRunner('cpu', lanesOf(lanes)).train(requestOf(layers, 3), control), parts)
    for (const [index, { data }] of whole.weights.entries())
      for (const [at, value] of data.entries())
        assert.ok(
          Math.abs(value - (parts.weights[index]?.data[at] ?? Number.NaN)) <= 1e-5 * Math.max(1, Math.abs(value)),
        )
    assert.ok(
      whole.weights.some(({ data }, index) => data.some((value, at) => value !== parts.weights[index]?.data[at])),
    )
  })

test('whatever is asked for, neither threads nor the ranges of large tensors can be told by the bits', async () => {
  const kept = new Map([1, 2, 3].map((lanes) => [lanes, remembered<Parted>()]))
  const outcome = async (
    request: TrainRequest,
    { microbatch, lanes, ...sizes }: Sizes & { microbatch: number; lanes: number },
  ) => {
    const given = structuredClone(request)
    const batch = Math.min(given.training.batch, given.data.rows)
    const schedule = scheduleOf(given, { rows: given.data.rows, batch, labels: given.labels })
    const options = { request: given, schedule, batch, goOn: () => undefined, microbatch, lanes: lanesOf(lanes) }
    const way = await parted(kept.get(lanes) ?? assert.fail(), options, sizes)
    const losses = [...(await way.advance(schedule.parts))]
    return { losses, weights: way.weights().map(({ name, data }) => [name, ...data]) }
  }
  let several = 0
  await fc.assert(
    fc.asyncProperty(
      requests,
      fc.record({
        microbatch: fc.integer({ min: 1, max: 20 }),
        lanes: fc.integer({ min: 2, max: 3 }),
        values: fc.integer({ min: 2, max: 3000 }),
      }),
      async (request, { microbatch, lanes, values }) => {
        const wanted = await outcome(request, { microbatch, lanes: 1 })
        const sizes: Sizes = { largeValues: 2, range: { values, rows: 16 } }
        assert.deepEqual(await outcome(request, { microbatch, lanes, ...sizes }), wanted)
        if (Math.min(request.training.batch, request.data.rows) > microbatch) several += 1
      },
    ),
    drawn(30),
  )
  assert.ok(several > 5, `${several} batches had several parts`)
})

test('what goes wrong in another thread is told as if it had been here', async () => {
  const [lane = assert.fail()] = threads.lanes
  const wrong = { name: 'g', inputs: [], outputs: [], initializers: [], nodes: [] }
  const problemAt = async (at: Lane): Promise<string> =>
    at.open(wrong, 'little').then(
      () => assert.fail('it takes what has no nodes'),
      (error: Error) => error.message,
    )
  assert.equal(await problemAt(lane), await problemAt(ownLane('cpu')))
  // And it goes on.
  assert.deepEqual(
    (await createRunner('cpu', [lane]).train(requestOf(models.perceptron, 3), control)).weights,
    (await runner.train(requestOf(models.perceptron, 3), control)).weights,
  )
})

test('in a sandbox, too: threads of one process, which harm nothing that has no parts', async () => {
  const request = requestOf(models.perceptron, 3)
  const processes: ChildProcess[] = []
  const started = (message: unknown): void => void processes.push((message as { process: ChildProcess }).process)
  subscribe('child_process', started)
  const several = createTrainer({ cores: 64 })
  several.warm(request)
  const found = await several.train(request)
  const whole = await several.train(requestOf(models.perceptron))
  unsubscribe('child_process', started)
  await several.close()
  // Eight examples in parts of three: nobody needs more.
  assert.deepEqual(
    processes.map(({ spawnargs }) => spawnargs.at(-1)),
    ['2'],
  )
  assert.deepEqual(found, await runner.train(request, control))
  assert.deepEqual(whole, await runner.train(requestOf(models.perceptron), control))
})
