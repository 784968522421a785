import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { initialState, type StrategyState, step, type Update } from '@wardround/core/learning/process.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import type { Entropy } from '@wardround/core/ports.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { decodeWeights, encodeWeights, flatten, unflatten } from '@wardround/core/safetensors.ts'
import type { StrategySpec } from '@wardround/core/study/strategy.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'
import fc from 'fast-check'
import { type Aggregated, aggregateRound } from './aggregate.ts'
import { type BlobStore, readerOf } from './blobs/blob-store.ts'
import { folderBlobs } from './blobs/fs.ts'
import { memoryBlobs } from './blobs/memory.ts'
import { testEntropy } from './testing/entropy.ts'
import { coded } from './testing/errors.ts'
import { scratch } from './testing/scratch.ts'

const strategies: readonly StrategySpec[] = [
  { fedAvg: { rate: 0.7 } },
  { fedAvgM: { rate: 0.9, momentum: 0.8 } },
  { fedProx: { rate: 1, mu: 0.01 } },
  { fedAdagrad: { rate: 0.3, beta1: 0.5, tau: 1e-3 } },
  { fedAdam: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { fedYogi: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { median: { rate: 1 } },
  { trimmedMean: { rate: 1, beta: 0.25 } },
  { fedNova: { rate: 0.7 } },
  { qFedAvg: { q: 2, lipschitz: 0.5 } },
  { scaffold: { rate: 0.7 } },
  { fedDyn: { alpha: 0.1 } },
  { krum: { rate: 1 } },
  { multiKrum: { rate: 0.5, keep: 2 } },
  { geometricMedian: { rate: 1, smoothing: 1e-6 } },
  { normBound: { rate: 1, norm: 'median' } },
  { centredClipping: { rate: 0.5, radius: 40, iterations: 2 } },
]

/** Two tensors, so that the second starts where no range does. */
const specsOf = (dimension: number): TensorSpec[] => [
  { name: 'hidden', shape: [Math.floor(dimension / 3)] },
  { name: 'output', shape: [dimension - Math.floor(dimension / 3)] },
]

async function put(blobs: BlobStore, flat: Float32Array): Promise<BlobRef> {
  const writer = await blobs.writer()
  await writer.write(encodeWeights(unflatten(specsOf(flat.length), new Float32Array(flat))))
  return writer.finish()
}
const weightsOf = async (blobs: BlobStore, { weights }: Aggregated, dimension: number): Promise<Float32Array> =>
  flatten(decodeWeights(await blobs.read(weights.sha256), specsOf(dimension)))
const vectorOf = async (blobs: BlobStore, { sha256 }: BlobRef): Promise<Float64Array> =>
  new Float64Array(Uint8Array.from(await blobs.read(sha256)).buffer)

const vector = (dimension: number) =>
  fc
    .array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: dimension, maxLength: dimension })
    .map((values) => Float32Array.from(values))
const site = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'b', 'z', '-', '0') })

const making = {
  numExamples: fc.integer({ min: 1, max: 5000 }),
  numSteps: fc.integer({ min: 1, max: 100 }),
  measurements: fc.record({ lossBefore: fc.double({ min: 0, max: 10, noNaN: true }) }),
}
/** A few rounds of a small model; sites may miss rounds, as hospitals do. */
const run = fc.integer({ min: 3, max: 12 }).chain((dimension) =>
  fc.record({
    weights: vector(dimension),
    rangeLength: fc.integer({ min: 1, max: dimension + 1 }),
    rounds: fc.array(
      fc.uniqueArray(fc.record({ site, ...making, delta: vector(dimension) }), {
        minLength: 1,
        maxLength: 4,
        selector: (update) => update.site,
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
)

type Run = { weights: Float32Array; rangeLength: number; rounds: readonly (readonly Update[])[] }

/** Every round through blobs, its state read back from where the round before left it. */
async function play(blobs: BlobStore, spec: StrategySpec, { weights, rangeLength, rounds }: Run): Promise<Aggregated> {
  let done: Aggregated = { weights: await put(blobs, weights), state: {}, measurements: {} }
  let first = true
  for (const updates of rounds) {
    const stored = await Promise.all(
      updates.map(async ({ delta, ...facts }) => ({ ...facts, update: await put(blobs, delta) })),
    )
    const input = {
      strategy: strategyOf(spec),
      specs: specsOf(weights.length),
      weights: done.weights,
      // As it is kept in the store: JSON.
      state: first ? undefined : (JSON.parse(JSON.stringify(done.state)) as Record<string, unknown>),
      updates: stored,
    }
    done = await aggregateRound(blobs, input, rangeLength)
    first = false
  }
  return done
}

/** The same with whole vectors, in memory. */
function whole(spec: StrategySpec, { weights, rounds }: Run) {
  const strategy = strategyOf(spec)
  let now = { weights, state: initialState(strategy, weights.length) }
  let measured: Readonly<Record<string, number>> = {}
  for (const updates of rounds) {
    const { result, state, measurements } = step(strategy, { weights: now.weights, updates }, now.state)
    now = { weights: result, state }
    measured = measurements
  }
  return { ...now, measured }
}

const named = ({ aggregator, serverOptimizer }: StrategyState): Record<string, Float64Array> =>
  Object.fromEntries([
    ...Object.entries(aggregator).map(([name, vector]) => [`aggregator/${name}`, vector]),
    ...Object.entries(serverOptimizer).map(([name, vector]) => [`serverOptimizer/${name}`, vector]),
  ])

for (const spec of strategies) {
  test(`${JSON.stringify(spec)}: range by range, with stored state, gives every bit of the whole`, async () => {
    await fc.assert(
      fc.asyncProperty(run, async (rounds) => {
        const blobs = memoryBlobs()
        const done = await play(blobs, spec, rounds)
        const wanted = whole(spec, rounds)
        assert.deepEqual(await weightsOf(blobs, done, rounds.weights.length), wanted.weights)
        const vectors = Object.entries(done.state).map(async ([name, ref]) => [name, await vectorOf(blobs, ref)])
        assert.deepEqual(Object.fromEntries(await Promise.all(vectors)), named(wanted.state))
        for (const [name, value] of Object.entries(wanted.measured)) {
          const norm = done.measurements[name.replace('SquareSum', 'Norm')] ?? Number.NaN
          // Sums of at most 12 squares, added in another order: a few units in the last place.
          assert.ok(Math.abs(norm - Math.sqrt(value)) <= 16 * Number.EPSILON * Math.sqrt(value), name)
        }
      }),
      { numRuns: 30 },
    )
  })

  test(`${JSON.stringify(spec)}: the order in which updates are listed changes no bit`, async () => {
    await fc.assert(
      fc.asyncProperty(run, fc.infiniteStream(fc.nat()), async (rounds, keys) => {
        const shuffled = rounds.rounds.map((updates) =>
          updates
            .map((update) => ({ update, key: keys.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ update }) => update),
        )
        const blobs = memoryBlobs()
        const { weights, state } = await play(blobs, spec, rounds)
        const other = await play(blobs, spec, { ...rounds, rounds: shuffled })
        assert.deepEqual({ weights: other.weights, state: other.state }, { weights, state })
      }),
      { numRuns: 15 },
    )
  })
}

test('two hospitals by hand', async () => {
  const blobs = memoryBlobs()
  const updates = [
    { site: 'a', numExamples: 1, delta: Float32Array.of(4, 0, 8) },
    { site: 'b', numExamples: 3, delta: Float32Array.of(0, 4, -8) },
  ]
  const rounds = { weights: Float32Array.of(1, 2, 3), rangeLength: 2, rounds: [updates] }
  const done = await play(blobs, { fedAvg: { rate: 1 } }, rounds)
  // (1·4 + 3·0)/4 = 1, (0 + 3·4)/4 = 3, (8 − 24)/4 = −4
  assert.deepEqual(await weightsOf(blobs, done, 3), Float32Array.of(2, 5, -1))
  assert.deepEqual(done.state, {})
  // 1² + 3² + 4² = 26
  assert.deepEqual(done.measurements, { aggregateNorm: Math.sqrt(26), stepNorm: Math.sqrt(26) })
})

test('a late update counts by its factor, to the nearest Float32, and its blob stays what it is', async () => {
  for (const blobs of [memoryBlobs(), await folderBlobs(scratch())]) {
    const delta = Float32Array.of(3, 1, -9)
    const input = {
      strategy: strategyOf({ fedAvg: { rate: 1 } }),
      specs: specsOf(3),
      weights: await put(blobs, Float32Array.of(0, 0, 0)),
      state: undefined,
      updates: [{ site: 'a', numExamples: 1, factor: 1 / 3, update: await put(blobs, delta) }],
    }
    const thirds = Float32Array.of(1, 1 / 3, -3)
    assert.deepEqual(await weightsOf(blobs, await aggregateRound(blobs, input), 3), thirds)
    assert.deepEqual(await weightsOf(blobs, await aggregateRound(blobs, input), 3), thirds)
  }
})

test('what of a round depends on how many were asked is told that number', async () => {
  const blobs = memoryBlobs()
  const delta = Float32Array.of(4, 0, 8)
  const input = {
    strategy: strategyOf({ scaffold: { rate: 1 } }),
    specs: specsOf(3),
    weights: await put(blobs, Float32Array.of(1, 2, 3)),
    state: undefined,
    updates: [{ site: 'a', numExamples: 1, numSteps: 2, update: await put(blobs, delta) }],
  }
  const variate = async (round: typeof input & { cohort?: number }) => {
    const { state } = await aggregateRound(blobs, round)
    return vectorOf(blobs, state['aggregator/variate'] ?? assert.fail())
  }
  // −Δ/2 over one, and over four.
  assert.deepEqual(await variate(input), Float64Array.of(-2, 0, -4))
  assert.deepEqual(await variate({ ...input, cohort: 4 }), Float64Array.of(-0.5, 0, -1))
})

/** A store whose blobs are read range by range as `read` does it. */
const reading = (blobs: BlobStore, read: BlobStore['read']): BlobStore => ({
  ...blobs,
  reader: async (sha256) => readerOf({ read }, sha256),
})

test('no read is larger than a range, whatever the model', async () => {
  const dimension = (1 << 17) * 2 + 5
  const weights = Float32Array.from({ length: dimension }, (_, index) => index % 7)
  const delta = Float32Array.from({ length: dimension }, (_, index) => (index % 5) - 2)
  const blobs = memoryBlobs()
  let largest = 0
  const watched = reading(blobs, async (sha256, range) => {
    const bytes = await blobs.read(sha256, range)
    largest = Math.max(largest, bytes.length)
    return bytes
  })
  const input = {
    strategy: strategyOf({ fedAvgM: { rate: 1, momentum: 0.5 } }),
    specs: specsOf(dimension),
    weights: await put(blobs, weights),
    updates: [{ site: 'a', numExamples: 2, update: await put(blobs, delta) }],
    state: undefined,
  }
  const first = await aggregateRound(watched, input)
  const second = await aggregateRound(watched, { ...input, weights: first.weights, state: first.state })
  // 2^17 weights of state, 8 bytes each, are the largest.
  assert.equal(largest, 8 << 17)
  // v₁ = Δ, v₂ = Δ/2 + Δ: the step of both rounds is 2.5·Δ, exact in Float32.
  assert.deepEqual(
    await weightsOf(blobs, second, dimension),
    weights.map((weight, index) => weight + 2.5 * ((index % 5) - 2)),
  )
})

for (const spec of [{ fedAvg: { rate: 1 } }, { median: { rate: 1 } }, { krum: { rate: 1 } }] as const)
  test(`${JSON.stringify(spec)}: what is in memory at once does not grow with the number of sites`, async () => {
    const dimension = 'fedAvg' in spec ? 1 << 17 : 1 << 15
    const blobs = memoryBlobs()
    // All that is read into, by what it is part of.
    const given = new Map<unknown, number>()
    const watched: BlobStore = {
      ...blobs,
      async reader(sha256) {
        return {
          read: (range, into) => {
            if (into !== undefined) given.set(into.buffer, into.buffer.byteLength)
            return blobs.read(sha256, range)
          },
          close: async () => undefined,
        }
      },
    }
    const update = await put(blobs, new Float32Array(dimension).fill(0.5))
    const sites = Array.from({ length: 300 }, (_, index) => ({ site: `site-${index}`, numExamples: 1, update }))
    const weights = await put(blobs, new Float32Array(dimension))
    const common = { strategy: strategyOf(spec), specs: specsOf(dimension), weights, state: undefined }
    const done = await aggregateRound(watched, { ...common, updates: sites })
    const sizeBytes = [...given.values()].reduce((sum, bytes) => sum + bytes, 0)
    // A sum has some of the updates at a time; other rules have a range of all, and the next one.
    assert.ok(sizeBytes > 0 && sizeBytes <= ('fedAvg' in spec ? 11 << 20 : 80 << 20), `${sizeBytes} bytes`)
    assert.deepEqual(await weightsOf(blobs, done, dimension), new Float32Array(dimension).fill(0.5))
  })

test('whatever time each read of a file takes, blobs are read in order, and what is being summed does not change', async () => {
  const blobs = await folderBlobs(scratch())
  const dimension = 4000
  const updates = await Promise.all(
    ['a', 'b', 'c'].map(async (site, row) => {
      const delta = Float32Array.from({ length: dimension }, (_, k) => Math.sin((row + 1) * k))
      return { site, numExamples: row + 1, update: await put(blobs, delta) }
    }),
  )
  let reads = 0
  const slow: BlobStore = {
    ...blobs,
    async reader(sha256) {
      const { read, close } = await blobs.reader(sha256)
      let reading = false
      const late: typeof read = async (range, into) => {
        assert.ok(!reading, 'two at once')
        reading = true
        for (let turn = (reads++ * 7) % 5; turn > 0; turn--) await new Promise(setImmediate)
        const bytes = await read(range, into)
        reading = false
        return bytes
      }
      return { read: late, close }
    },
  }
  const specs = specsOf(dimension)
  const weights = await put(blobs, new Float32Array(dimension))
  // One that weighs, so that updates are read twice, and keeps a state.
  for (const spec of [
    { centredClipping: { rate: 1, radius: 10, iterations: 2 } },
    { fedAvgM: { rate: 1, momentum: 0.5 } },
  ]) {
    const input = { strategy: strategyOf(spec), specs, weights, updates, state: undefined }
    const [whole, found] = [await aggregateRound(blobs, input, dimension), await aggregateRound(slow, input, 300)]
    assert.deepEqual([found.weights, found.state], [whole.weights, whole.state])
  }
})

test('a round that fails while a range is written leaves no file that is opened later', async () => {
  const folder = scratch()
  const blobs = await folderBlobs(folder)
  const dimension = 70_000
  const update = await put(blobs, new Float32Array(dimension).fill(1))
  let opened = 0
  const late: BlobStore = {
    ...blobs,
    async writer() {
      // That of the weights at once, and that of the state when the round has failed.
      if (opened++ > 0) for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
      return blobs.writer()
    },
    async reader(sha256) {
      const reader = await blobs.reader(sha256)
      const read: typeof reader.read = (range, into) =>
        sha256 === update.sha256 && range.start > 4 * 40_000
          ? Promise.reject(new WardroundError('WR_BLOB_MISSING', { sha256 }))
          : reader.read(range, into)
      return { ...reader, read }
    },
  }
  const input = {
    strategy: strategyOf({ fedAvgM: { rate: 1, momentum: 0.5 } }),
    specs: specsOf(dimension),
    weights: await put(blobs, new Float32Array(dimension)),
    state: undefined,
    updates: [{ site: 'a', numExamples: 1, update }],
  }
  await assert.rejects(aggregateRound(late, input, 40_000), coded('WR_BLOB_MISSING'))
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  assert.equal(opened, 2)
  assert.deepEqual(readdirSync(join(folder, 'partial')), [])
})

test('sums that are made at the same time do not touch each other', async () => {
  const blobs = await folderBlobs(scratch(), testEntropy('seals'))
  const dimension = 5000
  const roundOf = async (seed: number) => ({
    strategy: strategyOf({ fedAvg: { rate: 1 } }),
    specs: specsOf(dimension),
    weights: await put(blobs, new Float32Array(dimension)),
    state: undefined,
    updates: await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map(async (site, row) => {
        const delta = Float32Array.from({ length: dimension }, (_, k) => Math.sin(seed * k + row))
        return { site, numExamples: row + seed, update: await put(blobs, delta) }
      }),
    ),
  })
  const rounds = await Promise.all([1, 2, 3].map(roundOf))
  const alone: Aggregated[] = []
  for (const round of rounds) alone.push(await aggregateRound(blobs, round, 600))
  assert.deepEqual(await Promise.all(rounds.map((round) => aggregateRound(blobs, round, 600))), alone)
})

/** Three updates of several blocks of products, and the rule that keeps a centre in Float64, where each bit shows. */
async function weighedRound(blobs: BlobStore) {
  const dimension = 10_000
  const updateOf = async (site: string, seed: number) => {
    const delta = Float32Array.from({ length: dimension }, (_, k) => Math.sin(seed * k + seed) / 3)
    return { site, numExamples: 1, update: await put(blobs, delta) }
  }
  return {
    strategy: strategyOf({ centredClipping: { rate: 1, radius: 10, iterations: 3 } }),
    specs: specsOf(dimension),
    weights: await put(blobs, new Float32Array(dimension)),
    state: undefined,
    updates: [await updateOf('a', 1), await updateOf('b', 2), await updateOf('c', 7)],
  }
}

test('a rule that weighs whole updates gives the same bits however the ranges are cut, and says once what it did', async () => {
  const blobs = memoryBlobs()
  const input = await weighedRound(blobs)
  const whole = await aggregateRound(blobs, input)
  // ‖xᵢ‖ is about √(10,000 / 18) = 23.6: all are longer than the radius from where it starts.
  assert.equal(whole.measurements.longestAllowed, 10)
  assert.deepEqual(Object.keys(whole.state), ['aggregator/centre'])
  for (const rangeLength of [1000, 4096, 9999]) {
    const { weights, state, measurements } = await aggregateRound(blobs, input, rangeLength)
    assert.deepEqual({ weights, state }, { weights: whole.weights, state: whole.state })
    assert.equal(measurements.shortenedUpdates, whole.measurements.shortenedUpdates)
  }
})

test('a bit that turns only while updates are weighed stops the round: coefficients of other bytes would stay', async () => {
  const blobs = memoryBlobs()
  const input = await weighedRound(blobs)
  let turned = 0
  const unsteady = reading(blobs, async (sha256, range) => {
    const bytes = await blobs.read(sha256, range)
    if (sha256 !== input.updates[1]?.update.sha256 || (range?.start ?? 0) < 100 || turned++ > 0) return bytes
    return Uint8Array.from(bytes, (byte, index) => (index === 0 ? byte ^ 1 : byte))
  })
  await assert.rejects(aggregateRound(unsteady, input, 4000), coded('WR_BLOB_MISSING'))
  assert.ok(turned > 0)
  assert.deepEqual((await aggregateRound(blobs, input, 4000)).weights, (await aggregateRound(blobs, input)).weights)
})

/** A second round of FedAvgM, ready to be aggregated, in a folder; its files by what they are. */
async function secondRound(entropy?: Entropy) {
  const folder = scratch()
  const blobs = await folderBlobs(folder, entropy)
  const strategy = strategyOf({ fedAvgM: { rate: 1, momentum: 0.5 } })
  const specs = specsOf(6)
  const updateOf = async (site: string, value: number) => ({
    site,
    numExamples: 1,
    update: await put(blobs, new Float32Array(6).fill(value)),
  })
  const start = await put(blobs, new Float32Array(6).fill(10))
  const first = await aggregateRound(blobs, {
    strategy,
    specs,
    weights: start,
    state: undefined,
    updates: [await updateOf('a', 1)],
  })
  const updates = [await updateOf('a', 2), await updateOf('b', 3)]
  const input = { strategy, specs, weights: first.weights, state: first.state, updates }
  const velocity = Object.values(first.state)[0]?.sha256 ?? ''
  const path = (sha256: string): string => join(folder, 'sha256', sha256.slice(0, 2), sha256)
  return {
    input,
    blobs,
    halfWritten: () => readdirSync(join(folder, 'partial')),
    files: {
      weights: path(first.weights.sha256),
      'the update of a site': path(updates[1]?.update.sha256 ?? ''),
      state: path(velocity),
    },
  }
}

const damages: Readonly<Record<string, (path: string) => void>> = {
  'lost its last byte': (path) => truncateSync(path, readFileSync(path).length - 1),
  'lost its last weight': (path) => truncateSync(path, readFileSync(path).length - 8),
  'a bit turned in its last weight': (path) => {
    const bytes = readFileSync(path)
    bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1
    writeFileSync(path, bytes)
  },
}

const ways = { 'by its name': undefined, 'by its seal': testEntropy('seals') }
const cases = Object.entries(ways).flatMap(([how, entropy]) =>
  Object.entries(damages).map(([title, damage]) => ({ how, entropy, title, damage })),
)

for (const what of ['weights', 'the update of a site', 'state'] as const)
  for (const { how, entropy, title, damage } of cases)
    test(`${what} with ${title}, known ${how}, stops the round, and nothing half-written stays`, async () => {
      const { input, blobs, files, halfWritten } = await secondRound(entropy)
      const intact = readFileSync(files[what])
      damage(files[what])
      await assert.rejects(aggregateRound(blobs, input, 4), coded('WR_BLOB_MISSING'))
      assert.deepEqual(halfWritten(), [])
      // Restored from a backup, it goes on. v₁ = 1, v₂ = ½·1 + 2.5 = 3: 10 + 1 + 3.
      writeFileSync(files[what], intact)
      assert.deepEqual(await weightsOf(blobs, await aggregateRound(blobs, input, 4), 6), new Float32Array(6).fill(14))
    })
