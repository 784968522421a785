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
  unweighed,
} from '@wardround/core/learning/process.ts'
import { addProducts, finishProducts, noProducts, startProducts } from '@wardround/core/learning/products.ts'
import { stepping } from '@wardround/core/learning/stepping.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { float32Of, type Header, headerSize, parseHeader } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { Take } from '@wardround/core/workbench.ts'
import { onBench } from './benches.ts'
import type { BlobReader, BlobStore, BlobWriter } from './blobs/blob-store.ts'
import { type Checked, checkedBytes, type Range } from './blobs/checked.ts'
import { piecesOf } from './pieces.ts'
import { flatState, openState, stateRange } from './stored-state.ts'
import { longestRange, weightsHead, writerFor } from './weights.ts'

/**
 * Weights of one range where a rule needs all updates at once: two ranges of all of them are in memory, one that is used and one that is read, and on a workbench where they are
 * not too short for it.
 */
function rangeLengthFor(updates: number): number {
  const [onBench, atMost, leastRange] = [1 << 20, 1 << 23, 1 << 14]
  const length = Math.max(Math.floor(onBench / updates), Math.min(leastRange, Math.floor(atMost / updates)))
  // Blocks of 4,096 are what products are made of.
  return Math.max(1, Math.min(longestRange, length < 4096 ? length : length - (length % 4096)))
}

/** Weights of one range where updates are summed some at a time: 512 KiB, of which a few stay in a processor's caches. Each read is a turn in the thread pool: shorter ones are too many. */
const summedRange = 1 << 17

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
  rangeLength?: number,
): Promise<Aggregated> {
  const most = Math.max(1, dimensionOf(round.specs))
  const all = { ...round, rangeLength: Math.min(most, rangeLength ?? rangeLengthFor(round.updates.length)) }
  const combination = await onBench((take) => withReaders(blobs, (readers) => weighRound(readers, { ...all, take })))
  const someSuffice = 'coefficients' in round.strategy.aggregator
  const input = someSuffice && rangeLength === undefined ? { ...all, rangeLength: Math.min(most, summedRange) } : all
  const output = await writers(blobs, input.specs)
  try {
    const measurements = await onBench((take) =>
      withReaders(blobs, (readers) => aggregateRanges(readers, { ...input, combination, take }, output)),
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
type Ranged = AggregateInput & { readonly rangeLength: number; readonly take: Take }

/** Updates in order of site name, each to be read as its delta. */
const openUpdates = (readers: Readers, updates: AggregateInput['updates']) =>
  Promise.all(
    updates.map(async ({ factor = 1, update }) => {
      const { read, check } = await openChecked(readers, update)
      return { read: async (range: Range, into: Uint8Array) => times(factor, await read(range, into), into), check }
    }),
  )

/** To the nearest Float32; in the memory that is the reader's to use. */
function times(factor: number, values: Float32Array<ArrayBuffer>, into: Uint8Array): Float32Array<ArrayBuffer> {
  if (factor === 1) return values
  const scaled = float32Of(into.subarray(0, values.byteLength))
  for (let i = 0; i < scaled.length; i++) scaled[i] = factor * (values[i] ?? 0)
  return scaled
}

/** For pieces that are used, and as many that are on their way. */
const placesFor = (atOnce: number, { rangeLength, take }: Ranged): Uint8Array[] =>
  Array.from({ length: 2 * atOnce + 1 }, () => take(4 * rangeLength))

function* rangesOf({ specs, rangeLength }: Pick<Ranged, 'specs' | 'rangeLength'>): Generator<Range> {
  const dimension = dimensionOf(specs)
  for (let start = 0; start < dimension; start += rangeLength)
    yield { start, end: Math.min(dimension, start + rangeLength) }
}

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
  const sources = await openUpdates(readers, inOrder(input.updates))
  const next = piecesOf({ sources, ranges: rangesOf(input), places: placesFor(sources.length, input) })
  const sums = startProducts(count, needs)
  for await (const [{ start }, state] of ahead(rangesOf(input), (range) => stateRange(before, input.strategy, range))) {
    const deltas = await next(sources.length)
    addProducts(sums, [...deltas.map(({ values }) => values), ...Object.values(state.aggregator)], { start })
    for (const piece of deltas) piece.release()
  }
  for (const blob of [...sources, ...before.values()]) blob.check()
  return weigh(finishProducts(sums), makings)
}

async function aggregateRanges(
  readers: Readers,
  input: Ranged & { readonly combination: Combination | undefined },
  output: Output,
): Promise<Record<string, number>> {
  const { strategy, specs, cohort = input.updates.length, combination = unweighed, rangeLength, take } = input
  const updates = inOrder(input.updates)
  const { needed, atOnce, begin, add, finish } = stepping(
    strategy,
    { combination, cohort, makings: updates },
    { rangeLength, take },
  )
  const global = await openChecked(readers, input.weights)
  const before = await openState(readers, input.state)
  const deltas = await openUpdates(
    readers,
    needed.flatMap((k) => updates[k] ?? []),
  )
  const places = placesFor(Math.min(atOnce, deltas.length), input)
  const next = piecesOf({ sources: [...deltas, global], ranges: rangesOf(input), places })
  await output.weights.write(weightsHead(specs))
  const sums: Record<string, number> = {}
  for await (const [{ start, end }, stored] of ahead(rangesOf(input), (range) => stateRange(before, strategy, range))) {
    begin(end - start, stored)
    for (let at = 0; at < deltas.length; at += atOnce) {
      const pieces = await next(Math.min(atOnce, deltas.length - at))
      add(pieces.map(({ values }) => values))
      for (const piece of pieces) piece.release()
    }
    const [weights] = await next(1)
    const { result, state, measurements } = finish(weights?.values ?? new Float32Array())
    weights?.release()
    await output.begin(result, state)
    for (const [name, value] of Object.entries(measurements)) sums[name] = (sums[name] ?? 0) + value
  }
  await output.written()
  for (const blob of [global, ...deltas, ...before.values()]) blob.check()
  return normsOf(sums)
}

type Output = Awaited<ReturnType<typeof writers>>

/** The new weights, and a vector for each part of the state. */
async function writers(blobs: BlobStore, specs: readonly TensorSpec[]) {
  const writer = (): Promise<BlobWriter> => writerFor(blobs, specs)
  const weights = await writer()
  const states = new Map<string, BlobWriter>()
  const stateOf = async (name: string): Promise<BlobWriter> => {
    const known = states.get(name) ?? (await writer())
    states.set(name, known)
    return known
  }
  const write = async (result: Float32Array, state: StrategyState): Promise<void> => {
    await weights.write(bytesOf(result))
    for (const [name, vector] of flatState(state)) await (await stateOf(name)).write(bytesOf(vector))
  }
  let writing = Promise.resolve()
  return {
    weights,
    /** One range is written while the next is made: it waits for the one before. */
    async begin(result: Float32Array, state: StrategyState): Promise<void> {
      await writing
      writing = write(result, state)
      // Heard with the next range: one that fails meanwhile is no unhandled rejection.
      writing.catch(() => undefined)
    },
    written: () => writing,
    async finish(): Promise<Pick<Aggregated, 'weights' | 'state'>> {
      const state: Record<string, BlobRef> = {}
      for (const [name, writer] of states) state[name] = await writer.finish()
      return { weights: await weights.finish(), state }
    },
    async abort(): Promise<void> {
      // What is under way may still open a file.
      await writing.catch(() => undefined)
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
    read: async (range, into) => float32Of(await read(placeOf(range, dataStart), into)),
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

const bytesOf = (vector: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)

/** `stepSquareSum` → `stepNorm`, and so on: sums add up over ranges, norms are what people read. */
const normsOf = (sums: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(sums).map(([name, value]) =>
      name.endsWith('SquareSum') ? [name.replace('SquareSum', 'Norm'), Math.sqrt(value)] : [name, value],
    ),
  )
