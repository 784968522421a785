/** Training that goes on from any checkpoint comes to the bits of training that was never disturbed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import fc from 'fast-check'
import type { CheckpointForm } from './checkpoints.ts'
import { ownLane } from './lanes.ts'
import type { Checkpoint } from './messages.ts'
import { type Parted, parted } from './parted.ts'
import { scheduleOf } from './plan.ts'
import { type Epoch, scanned } from './scanned.ts'
import { carriedBy } from './step-options.ts'
import { type Divided, stepwise } from './stepwise.ts'
import { requests } from './testing/requests.ts'
import { type Checkpoints, createTrainer, type TrainRequest } from './trainer.ts'
import { remembered, type Way, type WayOptions } from './way.ts'

const epochs = remembered<Epoch>()
const divided = remembered<Divided>()
const inParts = remembered<Parted>()
const joining = remembered<Epoch>()
const inOneCall = (options: WayOptions): Promise<Way> => scanned(epochs, options, { joins: false })
const byItself = (options: WayOptions): Promise<Way> =>
  stepwise(divided, options, { largeValues: 2, range: { values: 500, rows: 16 } })
const inSeveral = (options: WayOptions): Promise<Way> =>
  parted(
    inParts,
    { ...options, microbatch: 7, lanes: [ownLane('cpu')] },
    { largeValues: 2, range: { values: 500, rows: 16 } },
  )
const joined = (options: WayOptions): Promise<Way> => scanned(joining, options)
/** Before a checkpoint and behind it. No step by itself has the bits of one whose first layer is joined. */
const ways = [
  ...[inOneCall, byItself].flatMap((first) => [inOneCall, byItself].map((second) => [first, second] as const)),
  [joined, joined] as const,
  // The sums of parts have bits of their own.
  [inSeveral, inSeveral] as const,
]

/** One part after another, from wherever the request says; what there was after each. */
async function standings(given: TrainRequest, wayOf: (options: WayOptions) => Promise<Way>) {
  const request = structuredClone(given)
  const batch = Math.min(request.training.batch, request.data.rows)
  const schedule = scheduleOf(request, { rows: request.data.rows, batch, labels: request.labels })
  const way = await wayOf({ request, schedule, batch, goOn: () => undefined })
  const { from, count } = schedule.parts
  const losses = [...(request.resume?.losses ?? [])]
  const found: Checkpoint[] = []
  for (let done = losses.length; done < count; done++) {
    losses.push((await way.advance({ from: from + done, count: 1 }))[0] ?? Number.NaN)
    found.push(structuredClone({ done: done + 1, losses, carried: way.carried() }))
  }
  return found
}

const withoutLosses = ({ done, carried }: Checkpoint) => ({ done, carried })

/** Those of many steps are averaged all at once, which may be rounded otherwise (core/graph/hoist.ts); a site trains one request in one way. */
function areClose(losses: readonly number[], others: readonly number[]): void {
  assert.equal(losses.length, others.length)
  for (const [part, loss] of losses.entries()) {
    const other = others[part] ?? Number.NaN
    assert.ok(Math.abs(loss - other) <= 1e-6 * Math.max(1, Math.abs(other)), `${loss} and ${other}`)
  }
}

test('from any part on, by any way, to the same weights and state, and by the same way to the same losses', async () => {
  let resumed = 0
  const seen = new Set<unknown>()
  await fc.assert(
    fc.asyncProperty(requests, fc.constantFrom(...ways), async (request, [first, second]) => {
      seen.add(first)
      const all = await standings(request, first)
      assert.deepEqual(
        all.at(-1)?.carried.map(({ name, shape }) => ({ name, shape })),
        carriedBy(request),
      )
      for (const [index, resume] of all.slice(0, -1).entries()) {
        // What stands in the request as its start counts no more.
        const weights = request.weights.map((tensor) => ({ ...tensor, data: new Float32Array(sizeOf(tensor.shape)) }))
        const rest = await standings({ ...request, weights, resume }, second)
        const undisturbed = all.slice(index + 1)
        assert.deepEqual(rest.map(withoutLosses), undisturbed.map(withoutLosses))
        if (first === second) assert.deepEqual(rest, undisturbed)
        else for (const [at, { losses }] of rest.entries()) areClose(losses, undisturbed[at]?.losses ?? [])
        resumed += 1
      }
    }),
    drawn(40),
  )
  assert.ok(resumed >= 30 && seen.has(inSeveral) && seen.has(joined))
})

const width = 6
const rows = 60
const model = modelSchema.parse({ layers: [{ dense: 8, activation: 'relu' }, { dropout: 0.2 }, { dense: 1 }] })
const random = seededRandom(['checkpoints'])
const request: TrainRequest & { readonly epochs: number } = {
  model,
  training: trainingSchema.parse({
    loss: 'binaryCrossEntropy',
    optimizer: { adam: { rate: 0.001 } },
    schedule: { cosine: { length: 8000, over: 'steps' } },
    batch: 8,
    epochs: 1,
  }),
  data: {
    features: Float32Array.from({ length: rows * width }, () => random.uniform() - 0.5),
    rows,
    width,
    target: Float32Array.from({ length: rows }, () => random.below(2)),
  },
  weights: initialWeights(model, width, random),
  epochs: 900,
  labels: ['checkpoints'],
  round: 1,
}

/** In memory; `onKept` hears of each. */
function inMemory(onKept: (done: number) => void): Checkpoints & { readonly kept: Checkpoint[] } {
  const kept: Checkpoint[] = []
  const form: CheckpointForm = { parts: 900, specs: carriedBy(request) }
  return {
    kept,
    find(asked) {
      assert.deepEqual(asked, form)
      return structuredClone(kept.at(-1))
    },
    async keep({ done, losses, values }) {
      const bytes: Uint8Array[] = []
      for await (const piece of values()) bytes.push(piece.slice())
      const all = new Float32Array(new Uint8Array(Buffer.concat(bytes)).buffer)
      let at = 0
      const carried: Weights = form.specs.map(({ name, shape }) => {
        const data = all.slice(at, at + sizeOf(shape))
        at += data.length
        return { name, shape, data }
      })
      kept.push({ done, losses, carried })
      onKept(done)
    },
  }
}

test('a process that is stopped, and another that goes on from what was kept, come to the bits of one that never was', async () => {
  const trainer = createTrainer({ checkpointMs: 0 })
  const undisturbed = await trainer.train(request)
  const stop = new AbortController()
  const checkpoints = inMemory(() => stop.abort())
  // It may have come to its end before it heard that it was to stop.
  await trainer.train(request, { signal: stop.signal, checkpoints }).catch((error: unknown) => {
    assert.ok(error instanceof WardroundError && error.code === 'WR_CANCELLED', String(error))
  })
  const [first] = checkpoints.kept
  assert.ok(first !== undefined && first.done > 0 && first.done < request.epochs)
  await trainer.close()
  const another = createTrainer({ checkpointMs: 0 })
  const reports: number[] = []
  const again = inMemory(() => undefined)
  again.kept.push(first)
  assert.deepEqual(
    await another.train(request, { checkpoints: again, onProgress: (done) => reports.push(done) }),
    undisturbed,
  )
  assert.ok((reports[0] ?? 0) > first.done, reports.join(' '))
  // It kept others itself, in which the losses from before stand, too.
  assert.deepEqual(again.kept.at(-1)?.losses, undisturbed.lossPerEpoch.slice(0, again.kept.at(-1)?.done))
  assert.ok(again.kept.length > 1)
  await another.close()
})

test('who keeps no checkpoint, or cannot, is trained for as well', async () => {
  const trainer = createTrainer({ checkpointMs: 0 })
  let asked = 0
  const checkpoints: Checkpoints = {
    find: () => undefined,
    keep: async () => {
      asked += 1
      throw new Error('the disk is full')
    },
  }
  assert.deepEqual(await trainer.train(request, { checkpoints }), await trainer.train(request))
  assert.equal(asked, 1)
  await trainer.close()
})
