/**
 * The sum of a round's updates, read from blobs one range of the model at a time: memory is a few ranges, whatever the size of the model. A
 * rule that weighs whole updates has them read twice: first for their inner products, then for the step. Where the ranges are cut does not
 * change a bit, because products do not depend on it and the step is coordinate-wise.
 */
import {
  type Combination,
  inOrder,
  type Making,
  type Strategy,
  type StrategyState,
  step,
  type Update,
  type VectorState,
  vectorsOf,
} from '@wardround/core/learning/process.ts'
import { addProducts, finishProducts, noProducts, startProducts } from '@wardround/core/learning/products.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import { float32Of, float64Of, type Header, headerSize, parseHeader } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { BlobReader, BlobStore, BlobWriter } from './blobs/blob-store.ts'
import { type Checked, checkedBytes, type Range } from './blobs/checked.ts'
import { longestRange, weightsHead, writerFor } from './weights.ts'

/** Weights of one range of all updates together. Two ranges are in memory: one is read while the one before it is summed. */
const weightsAtOnce = 1 << 23

const rangeLengthFor = ({ updates }: AggregateInput): number =>
  Math.max(1, Math.min(longestRange, Math.floor(weightsAtOnce / (updates.length + 2))))

export type AggregateInput = {
  readonly strategy: Strategy
  readonly specs: readonly TensorSpec[]
  readonly weights: BlobRef
  /** Name → BlobRef of the state after the round before; undefined at first. */
  readonly state: Readonly<Record<string, unknown>> | undefined
  readonly updates: readonly (Making & {
    readonly site: string
    readonly update: BlobRef
    /** What the update is multiplied by, to the nearest Float32; below 1 for a late one. Absent: 1. */
    readonly factor?: number
  })[]
  /** Sites that were asked for an update. Absent: as many as there are updates. */
  readonly cohort?: number
}

export type Aggregated = {
  readonly weights: BlobRef
  readonly state: Readonly<Record<string, BlobRef>>
  readonly measurements: Readonly<Record<string, number>>
}

/** Errors: WR_BLOB_MISSING where a blob is gone, or is not what its name says any more. */
export async function aggregateRound(
  blobs: BlobStore,
  round: AggregateInput,
  rangeLength = rangeLengthFor(round),
): Promise<Aggregated> {
  const input = { ...round, rangeLength }
  const combination = await withReaders(blobs, (readers) => weighRound(readers, input))
  const output = await writers(blobs, input.specs)
  try {
    const measurements = await withReaders(blobs, async (readers) =>
      aggregateRanges({ ...input, combination }, await openAll(readers, input), output),
    )
    return { ...(await output.finish()), measurements: { ...measurements, ...combination?.measurements } }
  } catch (error) {
    await output.abort()
    throw error
  }
}

/** Opens blobs; all are closed when `work` is done. */
async function withReaders<T>(blobs: BlobStore, work: (readers: Readers) => Promise<T>): Promise<T> {
  const opened: BlobReader[] = []
  const open: Readers = async ({ sha256 }) => {
    const reader = await blobs.reader(sha256)
    opened.push(reader)
    return reader
  }
  try {
    return await work(open)
  } finally {
    for (const reader of opened) await reader.close()
  }
}

type Readers = (ref: BlobRef) => Promise<BlobReader>
type Opened = Awaited<ReturnType<typeof openAll>>
type Ranged = AggregateInput & { readonly rangeLength: number }

async function openAll(readers: Readers, input: AggregateInput) {
  const global = await openChecked(readers, input.weights)
  const before = await openState(readers, input.state)
  const deltas = await openUpdates(readers, input)
  return { global, deltas, before, all: [global, ...deltas.map(({ values }) => values), ...before.values()] }
}

const openUpdates = (readers: Readers, { updates }: AggregateInput) =>
  Promise.all(updates.map(async (update) => ({ ...update, values: await openChecked(readers, update.update) })))

function* rangesOf({ specs, rangeLength }: Ranged): Generator<Range> {
  const dimension = dimensionOf(specs)
  for (let start = 0; start < dimension; start += rangeLength)
    yield { start, end: Math.min(dimension, start + rangeLength) }
}

/** All of them at once: while the main thread sums, others read. */
const readUpdates = (deltas: Opened['deltas'], range: Range): Promise<Update[]> =>
  Promise.all(
    deltas.map(async ({ factor = 1, values, update: _, ...making }) => {
      const delta = await values.read(range)
      return { ...making, delta: factor === 1 ? delta : delta.map((value) => factor * value) }
    }),
  )

/** What `read` makes of each range, begun when the one before it is there, and done while that is at work: a blob is read and hashed in order. */
async function* ahead<T>(ranges: Iterable<Range>, read: (range: Range) => Promise<T>): AsyncGenerator<[Range, T]> {
  let before: [Range, T] | undefined
  for (const range of ranges) {
    const now = read(range)
    // Heard where it is awaited: one that fails meanwhile is no unhandled rejection.
    now.catch(() => undefined)
    if (before !== undefined) yield before
    before = [range, await now]
  }
  if (before !== undefined) yield before
}

/** What each update is multiplied by, from one pass over all of them where the rule needs it; undefined where the rule does not ask. */
async function weighRound(readers: Readers, input: Ranged): Promise<Combination | undefined> {
  const { weighing, init } = input.strategy.aggregator
  if (weighing === undefined) return undefined
  const { needs, weigh } = weighing
  const makings = inOrder(input.updates)
  const own = Object.keys(init(0)).map((name) => `aggregator/${name}`)
  const count = makings.length + own.length
  if (needs === 'nothing') return weigh(noProducts(count), makings)
  const before = await openState(readers, input.state, own)
  const deltas = await openUpdates(readers, input)
  const sums = startProducts(count, needs)
  const state = (range: Range) => stateRange(before, input.strategy, range)
  const read = async (range: Range) => vectorsOf(...(await Promise.all([readUpdates(deltas, range), state(range)])))
  for await (const [{ start }, vectors] of ahead(rangesOf(input), read)) addProducts(sums, vectors, start)
  for (const blob of [...deltas.map(({ values }) => values), ...before.values()]) blob.check()
  return weigh(finishProducts(sums), makings)
}

async function aggregateRanges(
  input: Ranged & { readonly combination: Combination | undefined },
  { global, deltas, before, all }: Opened,
  output: Output,
): Promise<Record<string, number>> {
  const { strategy, specs, combination, cohort } = input
  await output.weights.write(weightsHead(specs))
  const sums: Record<string, number> = {}
  const read = (range: Range) =>
    Promise.all([global.read(range), readUpdates(deltas, range), stateRange(before, strategy, range)])
  for await (const [, [weights, updates, stored]] of ahead(rangesOf(input), read)) {
    const { result, state, measurements } = step(strategy, { weights, updates, combination, cohort }, stored)
    await output.weights.write(bytesOf(result))
    for (const [name, vector] of flatState(state)) await (await output.state(name)).write(bytesOf(vector))
    for (const [name, value] of Object.entries(measurements)) sums[name] = (sums[name] ?? 0) + value
  }
  for (const blob of all) blob.check()
  return normsOf(sums)
}

type Output = Awaited<ReturnType<typeof writers>>

/** The new weights, and a vector for each part of the state. */
async function writers(blobs: BlobStore, specs: readonly TensorSpec[]) {
  const writer = (): Promise<BlobWriter> => writerFor(blobs, specs)
  const weights = await writer()
  const states = new Map<string, BlobWriter>()
  return {
    weights,
    async state(name: string): Promise<BlobWriter> {
      const known = states.get(name) ?? (await writer())
      states.set(name, known)
      return known
    },
    async finish(): Promise<Pick<Aggregated, 'weights' | 'state'>> {
      const state: Record<string, BlobRef> = {}
      for (const [name, writer] of states) state[name] = await writer.finish()
      return { weights: await weights.finish(), state }
    },
    async abort(): Promise<void> {
      for (const writer of [weights, ...states.values()]) await writer.abort()
    },
  }
}

/** The flat vector of a weights file, by ranges. Errors: WR_BLOB_MISSING, WR_WEIGHTS_INVALID. */
async function openChecked(readers: Readers, ref: BlobRef): Promise<Checked<Float32Array<ArrayBuffer>>> {
  const reader = await readers(ref)
  const { dataStart } = await readHeader(reader, ref)
  const { read, check } = checkedBytes(reader, ref)
  await read({ start: 0, end: dataStart })
  return {
    read: async (range) => float32Of(await read(placeOf(range, dataStart))),
    check,
  }
}

/** Where a range of the flat vector is in its file. */
export const placeOf = ({ start, end }: Range, dataStart: number): Range => ({
  start: dataStart + start * 4,
  end: dataStart + end * 4,
})

/** Errors: WR_BLOB_MISSING, WR_WEIGHTS_INVALID. */
export async function readHeader(reader: Pick<BlobReader, 'read'>, { sizeBytes }: BlobRef): Promise<Header> {
  const size = headerSize(await reader.read({ start: 0, end: 8 }))
  return parseHeader(await reader.read({ start: 0, end: 8 + size }), sizeBytes)
}

const parts = ['aggregator', 'serverOptimizer'] as const

const flatState = (state: StrategyState): [string, Float64Array<ArrayBuffer>][] =>
  parts.flatMap((part) =>
    Object.entries(state[part]).map(([name, vector]): [string, Float64Array<ArrayBuffer>] => [
      `${part}/${name}`,
      vector,
    ]),
  )

type StoredState = ReadonlyMap<string, Checked<Float64Array<ArrayBuffer>>>

/** State vectors are stored bare: 8 bytes a weight. `wanted`: of these names only. */
async function openState(
  readers: Readers,
  state: AggregateInput['state'],
  wanted?: readonly string[],
): Promise<StoredState> {
  const opened = new Map<string, Checked<Float64Array<ArrayBuffer>>>()
  for (const [name, value] of Object.entries(state ?? {})) {
    if (wanted?.includes(name) === false) continue
    const ref = blobRefSchema.parse(value)
    const { read, check } = checkedBytes(await readers(ref), ref)
    opened.set(name, {
      read: async ({ start, end }) => float64Of(await read({ start: start * 8, end: end * 8 })),
      check,
    })
  }
  return opened
}

async function stateRange(stored: StoredState, strategy: Strategy, range: Range): Promise<StrategyState> {
  const length = range.end - range.start
  const load = async (part: (typeof parts)[number]): Promise<VectorState> => {
    const initial = strategy[part].init(length)
    const loaded = await Promise.all(
      Object.entries(initial).map(
        async ([name, vector]) => [name, (await stored.get(`${part}/${name}`)?.read(range)) ?? vector] as const,
      ),
    )
    return Object.fromEntries(loaded)
  }
  return { aggregator: await load('aggregator'), serverOptimizer: await load('serverOptimizer') }
}

const bytesOf = (vector: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)

/** `stepSquareSum` → `stepNorm`, and so on: sums add up over ranges, norms are what people read. */
const normsOf = (sums: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(sums).map(([name, value]) =>
      name.endsWith('SquareSum') ? [name.replace('SquareSum', 'Norm'), Math.sqrt(value)] : [name, value],
    ),
  )
