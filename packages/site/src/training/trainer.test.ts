import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { WardroundError } from '@wardround/core/errors.ts'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import { float32, type NumberValue, numbers, type Values } from '@wardround/core/graph/interpreter/values.ts'
import { weightSpecs } from '@wardround/core/graph/network.ts'
import { predictionGraph } from '@wardround/core/graph/prediction.ts'
import { firstState } from '@wardround/core/graph/testing/training.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { flatten } from '@wardround/core/safetensors.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { l2Norm } from '@wardround/core/vector.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import { batchIndices, dropoutDraws } from './plan.ts'
import { onRuntime } from './testing/on-runtime.ts'
import { createTrainer, type Trainer, type TrainRequest } from './trainer.ts'

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

const asValues = (weights: Weights): Values =>
  Object.fromEntries(weights.map(({ name, shape, data }) => [name, float32(shape, Array.from(data))] as const))
/** Processes that this one starts from now on. */
function countProcesses(): { readonly started: () => number; stop(): void } {
  let count = 0
  const counted = (): void => {
    count += 1
  }
  subscribe('child_process', counted)
  return { started: () => count, stop: () => void unsubscribe('child_process', counted) }
}

// ---- reproducibility ----

test('the same request gives the same bits, and another label gives others', async () => {
  const [first, again, other] = await Promise.all([
    trainer.train(request()),
    trainer.train(request()),
    trainer.train(request({ labels: ['other'] })),
  ])
  assert.deepEqual(again, first)
  assert.notDeepEqual(other.weights, first.weights)
})

test('the same bits come out of another trainer, whatever it did before', async () => {
  const another = createTrainer()
  try {
    await another.train(request({ labels: ['something else'], epochs: 1 }))
    assert.deepEqual(await another.train(request()), await trainer.train(request()))
  } finally {
    await another.close()
  }
})

test('a request is not changed by being carried out', async () => {
  const asked = request()
  const before = structuredClone(asked)
  await trainer.train(asked)
  assert.deepEqual(asked, before)
})

test('weights that are handed over are gone, and everything else comes out as if they were not', async () => {
  const data = clouds(200)
  const wanted = await trainer.train(request())
  const asked = request({ proximal: { mu: 0, anchor: [] } })
  const given = { ...asked, proximal: { mu: 0.5, anchor: asked.weights } }
  const kept = await trainer.train(structuredClone(given))
  assert.deepEqual(await trainer.train(given, { handOver: true }), kept)
  assert.ok(given.weights.every(({ data: { length } }) => length === 0))
  const question = { model, loss: 'binaryCrossEntropy' as const, weights: wanted.weights, data }
  const scores = await trainer.predict(question)
  assert.deepEqual(await trainer.predict(question, { handOver: true }), scores)
  assert.ok(question.weights.every(({ data: { length } }) => length === 0))
})

test('training in several calls of the runtime is the training graph over all steps at once, to the bit', async () => {
  // 2 steps an epoch: 1,100 epochs are more than one call takes.
  const [epochs, batch, rows, width] = [1100, 4, 7, 3]
  const small = modelSchema.parse({ layers: [{ dense: 2, activation: 'relu' }, { dropout: 0.25 }, { dense: 1 }] })
  const weights = initialWeights(small, width, seededRandom(['small']))
  const asked = request({
    model: small,
    training: { ...training, batch },
    data: clouds(rows, width),
    weights,
    epochs,
    proximal: { mu: 0.1, anchor: weights },
    classWeights: [0.5, 2],
  })
  const calls: number[] = []
  const result = await trainer.train(asked, { onProgress: (epoch) => calls.push(epoch) })
  assert.deepEqual(calls, [1000, 1100])

  const epoch = epochGraph({ model: small, training, inputs: width, batch, weighted: true, proximalMu: 0.1 })
  const steps = epochs * 2
  const all = { from: 0, count: epochs }
  const column = (values: Iterable<number>): NumberValue => float32([rows, 1], Array.from(values))
  const batches = batchIndices({ rows, batch, labels: asked.labels }, all)
  const draws = dropoutDraws({ layer: 'dropout', labels: asked.labels, valuesPerPart: 2 * batch * 2 }, all)
  const outputs = await onRuntime(epoch.graph, {
    features: float32([rows, width], Array.from(asked.data.features)),
    target: column(asked.data.target),
    weight: column(Array.from(asked.data.target, (label) => (label === 0 ? 0.5 : 2))),
    ...asValues(weights),
    ...Object.fromEntries(Object.entries(asValues(weights)).map(([name, value]) => [`anchor/${name}`, value])),
    ...firstState(epoch),
    batches: { type: 'int32', shape: [steps, batch], data: Array.from(batches) },
    'draws/dropout': float32([steps, batch, 2], Array.from(draws)),
  })
  assert.equal(result.steps, steps)
  for (const { name, data } of result.weights)
    assert.deepEqual(Array.from(data), numbers(outputs[`next/${name}`] ?? assert.fail(name)).data, name)
  const losses = numbers(outputs.losses ?? assert.fail('losses')).data
  assert.equal(result.lossPerEpoch.length, epochs)
  for (const [index, loss] of result.lossPerEpoch.entries()) {
    const mean = ((losses[2 * index] ?? Number.NaN) + (losses[2 * index + 1] ?? Number.NaN)) / 2
    assert.ok(Math.abs(loss - mean) < 1e-12)
  }
})

test('steps go on where the steps before them ended: 90 in one call are 40 and then 50, to the bit', async () => {
  const plain = { ...training, optimizer: { sgd: { rate: 0.05, momentum: 0 } } }
  const ask = (change: { from: number; steps: number; weights?: Weights }) =>
    trainer.train(request({ training: plain, data: clouds(50), ...change }))
  const whole = await ask({ from: 7, steps: 90 })
  const first = await ask({ from: 7, steps: 40 })
  const second = await ask({ from: 47, steps: 50, weights: first.weights })
  assert.deepEqual([whole.steps, first.steps, second.steps], [90, 40, 50])
  assert.deepEqual(second.weights, whole.weights)
  // The mean over all steps is that of the two calls, weighed by their steps.
  const [mean = 0] = whole.lossPerEpoch
  const [a = 0] = first.lossPerEpoch
  const [b = 0] = second.lossPerEpoch
  assert.ok(Math.abs(mean - (40 * a + 50 * b) / 90) < 1e-12)
})

// ---- what a request says ----

test('a site with fewer records than a batch trains on what it has', async () => {
  const { steps } = await trainer.train(request({ data: clouds(7), epochs: 3 }))
  assert.equal(steps, 3)
})

test('examples of a class that weighs nothing teach nothing', async () => {
  const plain = trainingSchema.parse({ ...training, l2: 0 })
  const { weights, lossPerEpoch } = await trainer.train(request({ training: plain, classWeights: [0, 0], epochs: 2 }))
  assert.deepEqual(weights, request().weights)
  assert.deepEqual(lossPerEpoch, [0, 0])
})

test('the proximal term keeps the weights near its anchor, the nearer the larger it is', async () => {
  const anchor = request().weights
  const distance = async (mu: number): Promise<number> => {
    const { weights } = await trainer.train(request({ epochs: 10, proximal: { mu, anchor } }))
    const start = flatten(anchor)
    return l2Norm(flatten(weights).map((value, index) => value - (start[index] ?? 0)))
  }
  const [free, held, tight] = [await distance(0), await distance(0.3), await distance(3)]
  assert.ok(tight < held / 2 && held < free / 2, `${free} ${held} ${tight}`)
  // Without a term it is the same as with one of weight zero, but for the sign of zeros.
  const { weights } = await trainer.train(request({ epochs: 10 }))
  assert.ok(Math.abs(free - l2Norm(flatten(weights).map((value, i) => value - (flatten(anchor)[i] ?? 0)))) < 1e-6)
})

test('a personal weight is not pulled to the anchor', async () => {
  const personal = modelSchema.parse({ ...model, personal: ['output.bias'] })
  const anchor = request().weights
  const moved = async (mu: number): Promise<Record<string, number>> => {
    const { weights } = await trainer.train(request({ model: personal, epochs: 20, proximal: { mu, anchor } }))
    return Object.fromEntries(
      weights.map(({ name, data }, index) => [
        name,
        l2Norm(data.map((value, i) => value - (anchor[index]?.data[i] ?? 0))),
      ]),
    )
  }
  const [free, held] = [await moved(0), await moved(10)]
  for (const name of ['dense.kernel', 'output.kernel']) assert.ok((held[name] ?? 0) < (free[name] ?? 0) / 5, name)
  // Held like the others it would stay as near as the kernel beside it.
  assert.ok((held['output.bias'] ?? 0) > 5 * (held['output.kernel'] ?? 0), JSON.stringify(held))
})

test('predictions are those of the prediction graph, for rows of several hospitals too', async () => {
  const pooled = modelSchema.parse({ ...model, personal: ['output.bias'] })
  const random = seededRandom(['pooled'])
  const weights = weightSpecs(pooled, 13, 3).map(({ name, shape }) => ({
    name,
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => random.uniform() - 0.5),
  }))
  const { features, rows, width } = clouds(20)
  const group = Int32Array.from({ length: rows }, (_, row) => row % 3)
  const shape = { model: pooled, loss: 'binaryCrossEntropy' as const, groups: 3 }
  const scores = await trainer.predict({ ...shape, weights, data: { features, rows, width, group } })
  const outputs = run(predictionGraph({ ...shape, inputs: width }), {
    features: float32([rows, width], Array.from(features)),
    group: { type: 'int32', shape: [rows], data: Array.from(group) },
    ...asValues(weights),
  })
  const wanted = numbers(outputs.prediction ?? assert.fail('prediction')).data
  assert.equal(scores.length, rows)
  for (const [row, score] of scores.entries()) assert.ok(Math.abs(score - (wanted[row] ?? 0)) < 1e-5)
})

// ---- failures ----

test('a rate that is too high is reported as divergence, with the epoch', async () => {
  const wild = trainingSchema.parse({ ...training, optimizer: { sgd: { rate: 1000 } }, loss: 'meanSquaredError' })
  const diverging = (epochs: number) => trainer.train(request({ training: wild, epochs }))
  const epochOf = async (epochs: number): Promise<unknown> => {
    const error = await diverging(epochs).then(
      () => assert.fail('it converged'),
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof WardroundError && error.code === 'WR_TRAINING_DIVERGED', String(error))
    return error.parameters.epoch
  }
  // It is the same epoch however many were asked for.
  const epoch = await epochOf(50)
  assert.ok(typeof epoch === 'number' && epoch >= 1 && epoch < 50, String(epoch))
  assert.equal(await epochOf(epoch), epoch)
})

test('weights that are not finite are never given back, even where every loss was', async () => {
  // One row, one step: the loss before the step is 1, the weight after it beyond Float32.
  const one = modelSchema.parse({ layers: [{ dense: 1, name: 'output' }] })
  const steep = trainingSchema.parse({
    loss: 'meanSquaredError',
    optimizer: { sgd: { rate: 1000 } },
    batch: 1,
    epochs: 1,
  })
  const asked = request({
    model: one,
    training: steep,
    data: { features: Float32Array.of(1e37), rows: 1, width: 1, target: Float32Array.of(1) },
    weights: [
      { name: 'output.kernel', shape: [1, 1], data: Float32Array.of(0) },
      { name: 'output.bias', shape: [1], data: Float32Array.of(0) },
    ],
    epochs: 1,
  })
  await assert.rejects(trainer.train(asked), coded('WR_TRAINING_DIVERGED'))
})

test('NaN in the data is divergence in the first epoch, and no weight', async () => {
  const data = clouds(50)
  data.features[3] = Number.NaN
  await assert.rejects(
    trainer.train(request({ data })),
    (error) => coded('WR_TRAINING_DIVERGED')(error) && error instanceof WardroundError && error.parameters.epoch === 1,
  )
})

test('a request that the runtime cannot carry out fails alone', async () => {
  const [first = assert.fail(), ...rest] = request().weights
  const misfits = [rest, [{ ...first, shape: [64, 13] }, ...rest]]
  for (const weights of misfits) await assert.rejects(trainer.train(request({ weights })), coded('WR_TRAINING_FAILED'))
  await assert.rejects(
    trainer.predict({ model, loss: 'binaryCrossEntropy', weights: rest, data: clouds(3) }),
    coded('WR_TRAINING_FAILED'),
  )
  assert.equal((await trainer.train(request({ epochs: 1 }))).lossPerEpoch.length, 1)
})

test('an error of the process keeps its code and what it says', async () => {
  const twice = modelSchema.parse({
    layers: [
      { dense: 1, name: 'a' },
      { dense: 1, name: 'a' },
    ],
  })
  await assert.rejects(
    trainer.train(request({ model: twice })),
    (error) =>
      coded('WR_STUDY_INVALID')(error) && error instanceof WardroundError && error.parameters.field === 'model.layers',
  )
})

// ---- one process ----

test('everything goes through one process, in order, each request whole', async () => {
  const processes = countProcesses()
  const own = createTrainer()
  try {
    assert.equal(processes.started(), 0)
    const log: string[] = []
    const train = async (name: string, epochs: number): Promise<void> => {
      await own.train(request({ epochs, data: clouds(400) }), { onProgress: (epoch) => log.push(`${name} ${epoch}`) })
      log.push(`${name} done`)
    }
    const { features, rows, width } = clouds(10)
    const predict = async (): Promise<void> => {
      await own.predict({
        model,
        loss: 'binaryCrossEntropy',
        weights: request().weights,
        data: { features, rows, width },
      })
      log.push('predicted')
    }
    // 13 steps of 32 rows and 64 units are 26,624 draws an epoch; four million in a call: 150 epochs.
    await Promise.all([train('a', 310), predict(), train('b', 150)])
    assert.deepEqual(log, ['a 150', 'a 300', 'a 310', 'a done', 'predicted', 'b 150', 'b done'])
    assert.equal(processes.started(), 1)
  } finally {
    processes.stop()
    await own.close()
  }
})

// ---- cancellation ----

/** A request that runs until it is cancelled, and a promise of its first progress. */
function endless(own: Trainer, signal: AbortSignal): { running: Promise<unknown>; started: Promise<void> } {
  let start: () => void = () => assert.fail('not yet')
  const started = new Promise<void>((resolve) => {
    start = resolve
  })
  // A thousand small steps are one call of the runtime, and a cancellation is heard between two of them.
  const small = modelSchema.parse({ layers: [{ dense: 1 }] })
  const asked = { model: small, weights: initialWeights(small, 13, seededRandom(['small'])), epochs: 1_000_000 }
  return { running: own.train(request(asked), { signal, onProgress: () => start() }), started }
}

test('training is cancelled between calls, and the process goes on serving', async () => {
  const patient = createTrainer({ graceMs: 600_000 })
  try {
    const controller = new AbortController()
    const { running, started } = endless(patient, controller.signal)
    await started
    const processes = countProcesses()
    controller.abort()
    await assert.rejects(running, coded('WR_CANCELLED'))
    assert.equal((await patient.train(request({ epochs: 1 }))).lossPerEpoch.length, 1)
    assert.equal(processes.started(), 0)
    processes.stop()
  } finally {
    await patient.close()
  }
})

test('training that would take hours ends in why it is wanted no more', async () => {
  const own = createTrainer()
  try {
    let wanted = true
    const stillWanted = (): void => {
      if (!wanted) throw new WardroundError('WR_NOT_APPROVED', { study: 'small' })
    }
    const asked = { ...request(), epochs: 1_000_000_000 }
    const onProgress = (): void => {
      wanted = false
    }
    await assert.rejects(own.train(asked, { stillWanted, onProgress }), coded('WR_NOT_APPROVED'))
    assert.equal((await own.train(request({ epochs: 1 }), { stillWanted: () => undefined })).lossPerEpoch.length, 1)
  } finally {
    await own.close()
  }
})

test('a signal that was given before costs no work at all', async () => {
  const processes = countProcesses()
  const own = createTrainer()
  await assert.rejects(own.train(request(), { signal: AbortSignal.abort() }), coded('WR_CANCELLED'))
  assert.equal(processes.started(), 0)
  processes.stop()
})

test('a request that waits is cancelled at once, and the one that runs is left alone', async () => {
  const own = createTrainer()
  try {
    const [runs, waits] = [new AbortController(), new AbortController()]
    const { running, started } = endless(own, runs.signal)
    const waiting = own.train(request(), { signal: waits.signal })
    const last = own.train(request({ epochs: 1 }))
    await started
    waits.abort()
    // The one before it would run for hours.
    await assert.rejects(waiting, coded('WR_CANCELLED'))
    runs.abort()
    await assert.rejects(running, coded('WR_CANCELLED'))
    assert.equal((await last).steps, 7)
  } finally {
    await own.close()
  }
})

test('closing ends a process and nothing else, wherever in the runtime it is', async () => {
  const program = join(import.meta.dirname, 'testing', 'closing.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, '400'])
  assert.equal(stdout, '10\n')
})

test('a process that trains ends when the one that it trains for was killed', {
  skip: process.platform !== 'linux' && 'only Linux says which processes there are',
}, async () => {
  const program = join(import.meta.dirname, 'testing', 'abandoned.ts')
  const killed = await promisify(execFile)(process.execPath, [program]).catch((error: unknown) => error)
  const { signal, stdout } = killed as { signal: string; stdout: string }
  assert.deepEqual([signal, /^\d+$/.test(stdout)], ['SIGKILL', true])
  // Where nobody asks for its exit code it stays as a zombie.
  const lives = (): boolean =>
    existsSync(`/proc/${stdout}/stat`) && !readFileSync(`/proc/${stdout}/stat`, 'utf8').includes(') Z ')
  while (lives()) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('closing fails what is under way, and says so', async () => {
  const own = createTrainer()
  const { running, started } = endless(own, new AbortController().signal)
  const waiting = own.train(request())
  const both = Promise.all([
    assert.rejects(running, coded('WR_TRAINING_FAILED')),
    assert.rejects(waiting, coded('WR_TRAINING_FAILED')),
  ])
  await started
  await own.close()
  await both
  await own.close()
})
