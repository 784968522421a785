/** Masks through the trainer's own process: areas are learnt, and what comes back says how well they are met. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import { float32, numbers } from '@wardround/core/graph/interpreter/values.ts'
import { maskFigures, meanOverlap, overlapSums } from '@wardround/core/metrics/overlap.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { type ModelSpec, modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { TrainRequest } from './messages.ts'
import { batchIndices } from './plan.ts'
import { createTrainer, type Dataset } from './trainer.ts'

const trainer = createTrainer()
after(() => trainer.close())

const [side, rows] = [12, 40]
const extents = [1, side, side]
const random = seededRandom(['masks'])
/** A bright square on a dark, noisy ground; of every fourth image there is none. */
const squares = Array.from({ length: rows }, (_, row) => ({
  size: row % 4 === 0 ? 0 : 3 + random.below(4),
  left: random.below(side - 6),
  top: random.below(side - 6),
}))
const isInside = (row: number, pixel: number): boolean => {
  const { size, left, top } = squares[row] ?? assert.fail()
  const [y, x] = [Math.floor(pixel / side) - top, (pixel % side) - left]
  return x >= 0 && x < size && y >= 0 && y < size
}
const masks = Uint8Array.from({ length: rows * side * side }, (_, at) =>
  Number(isInside(Math.floor(at / side ** 2), at % side ** 2)),
)
const features = masks.map((mask) => (mask === 1 ? 100 : 40) + random.below(100))
const data: Dataset = {
  features,
  rows,
  width: side * side,
  extents,
  pixelScale: { mean: Float32Array.of(100), deviation: Float32Array.of(40) },
  target: Float32Array.from(squares, ({ size }) => Number(size > 0)),
  masks,
}
const modelOf = (outputs: number): ModelSpec =>
  modelSchema.parse({
    layers: [
      { conv2d: 4, kernel: 3, padding: 'same', activation: 'relu' },
      { conv2d: outputs, kernel: 3, padding: 'same', name: 'output' },
    ],
  })

function requestOf(
  outputs: number,
  { epochs = 1, ...training }: { readonly epochs?: number } & Readonly<Record<string, unknown>>,
): TrainRequest {
  const usual = { loss: 'diceCrossEntropy', optimizer: { adam: { rate: 0.02 } }, batch: 8, epochs }
  const model = modelOf(outputs)
  const weights = initialWeights(model, extents, seededRandom(['first', outputs]))
  return {
    model,
    training: trainingSchema.parse({ ...usual, ...training }),
    data,
    weights,
    epochs,
    labels: ['masks'],
  }
}

async function figuresOf(outputs: number, weights: Weights) {
  const scores = await trainer.predict({ model: modelOf(outputs), loss: 'diceCrossEntropy', weights, data })
  return { scores, ...maskFigures(scores, rows) }
}

for (const outputs of [1, 2])
  test(`squares are found by ${outputs} output a pixel, and what is measured as loss is what was made small`, async () => {
    const request = requestOf(outputs, { epochs: 40 })
    const before = await figuresOf(outputs, request.weights)
    const { lossPerEpoch, weights } = await trainer.train(request)
    const { losses, overlaps, scores } = await figuresOf(outputs, weights)
    assert.equal(scores.length, rows * (1 + 3 * 2))
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    // The first epoch's mean is of weights on their way.
    assert.ok(mean(losses) < 0.3 * mean(before.losses), `${mean(losses)} after ${mean(before.losses)}`)
    assert.ok(Math.abs(mean(losses) - (lossPerEpoch.at(-1) ?? 0)) < 0.05)
    const { dice, iou } = meanOverlap(overlapSums(overlaps))
    assert.ok(dice !== null && iou !== null && dice > 0.9 && iou > 0.8 && iou < dice, `${dice}, ${iou}`)
    // Empty images, where nothing is marked, say nothing.
    assert.ok(overlaps.filter(([label]) => label === undefined).length >= 5)
  })

test('steps are those of the reference interpreter', async () => {
  const [some, batch] = [4, 2]
  const size = some * side * side
  const few = { ...data, rows: some, features: features.slice(0, size), masks: masks.slice(0, size) }
  const own = { loss: { dice: { squared: true } }, optimizer: { sgd: { rate: 0.5 } }, batch }
  const request = { ...requestOf(2, own), data: few }
  const { model, training, labels, weights } = request
  const found = await trainer.train(request)
  const { graph } = epochGraph({ model, training, inputs: extents, pixels: true, batch, weighted: false })
  const bytes = (values: Uint8Array) => ({ type: 'uint8', shape: [some, ...extents], data: [...values] }) as const
  const wanted = run(graph, {
    features: bytes(few.features),
    target: bytes(few.masks),
    'pixels/mean': float32([1, 1, 1], [100]),
    'pixels/deviation': float32([1, 1, 1], [40]),
    ...Object.fromEntries(weights.map(({ name, shape, data }) => [name, float32(shape, [...data])])),
    batches: {
      type: 'int32',
      shape: [2, batch],
      data: [...batchIndices({ rows: some, batch, labels }, { from: 0, count: 1 })],
    },
  })
  for (const { name, data: own } of found.weights) {
    const { data: values } = numbers(wanted[`next/${name}`] ?? assert.fail(name))
    for (const [index, value] of own.entries())
      assert.ok(Math.abs(value - (values[index] ?? Number.NaN)) < 1e-5, `${name}: ${value}, ${values[index]}`)
  }
})

test('a batch in parts gives the whole one’s weights, but for rounding', async () => {
  const whole = await trainer.train(requestOf(1, { epochs: 3 }))
  const parts = await trainer.train(requestOf(1, { epochs: 3, microbatch: 3 }))
  for (const [index, { data: own }] of whole.weights.entries())
    for (const [at, value] of own.entries())
      assert.ok(Math.abs(value - (parts.weights[index]?.data[at] ?? Number.NaN)) < 1e-3)
})

test('masks move with their images: what is learnt of images that are turned over is there in those that are not', async () => {
  const augment = { flip: 'both', shift: 0.2, rotation: 90 }
  const request = requestOf(1, { epochs: 40, augment })
  const { weights } = await trainer.train(request)
  const { overlaps } = await figuresOf(1, weights)
  const { dice } = meanOverlap(overlapSums(overlaps))
  assert.ok(dice !== null && dice > 0.7, `${dice}`)
})

test('many images, measured in parts, are measured as each by itself; others’ masks are others', async () => {
  // 2^18 values a part: 64 images.
  const [many, wide] = [70, 64]
  const draw = seededRandom(['many'])
  const bytes = (below: number) => Uint8Array.from({ length: many * wide * wide }, () => draw.below(below))
  const all: Dataset = {
    ...data,
    ...{ features: bytes(256), masks: bytes(2), rows: many, width: wide * wide, extents: [1, wide, wide] },
  }
  const { model, weights } = requestOf(2, {})
  const measured = (own: Dataset) => trainer.predict({ model, loss: 'dice', weights, data: own })
  const figures = await measured(all)
  // At once, so that the process has the others still.
  assert.notDeepEqual(await measured({ ...all, masks: bytes(2) }), figures)
  for (const row of [0, 63, 64, 69]) {
    const part = (values: Dataset['features'] | undefined): Uint8Array<ArrayBuffer> =>
      Uint8Array.from(values?.subarray(row * wide * wide, (row + 1) * wide * wide) ?? [])
    const one = await measured({ ...all, features: part(all.features), masks: part(all.masks), rows: 1 })
    const own = figures.subarray(row * 7, row * 7 + 7)
    assert.deepEqual(one.slice(1), own.slice(1))
    assert.ok(Math.abs((one[0] ?? Number.NaN) - (own[0] ?? Number.NaN)) < 1e-5)
  }
})
