/**
 * The sum of a round's updates, read from blobs one range of the model at a time: memory is a few ranges, whatever the number of sites and
 * the size of the model. Where the ranges are cut does not change a bit, because the strategies are coordinate-wise.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import {
  isCoordinateWise,
  type Strategy,
  type StrategyState,
  step,
  type Update,
  type VectorState,
} from '@wardround/core/learning/process.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import { encodeHeader, type Header, headerSize, parseHeader } from '@wardround/core/safetensors.ts'
import { sizeOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { BlobStore, BlobWriter } from './blobs/blob-store.ts'

/** Weights in one range. */
const rangeLength = 1 << 18

export type AggregateInput = {
  readonly strategy: Strategy
  readonly specs: readonly TensorSpec[]
  readonly weights: BlobRef
  /** Name → BlobRef of the state after the round before; undefined at first. */
  readonly state: Readonly<Record<string, unknown>> | undefined
  readonly updates: readonly { readonly site: string; readonly update: BlobRef; readonly numExamples: number }[]
}

export type Aggregated = {
  readonly weights: BlobRef
  readonly state: Readonly<Record<string, BlobRef>>
  readonly measurements: Readonly<Record<string, number>>
}

export async function aggregateRound(blobs: BlobStore, input: AggregateInput): Promise<Aggregated> {
  if (!isCoordinateWise(input.strategy))
    throw new WardroundError('WR_INTERNAL', { what: `${input.strategy.name} cannot run by ranges` })
  const dimension = input.specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const global = await openFloats(blobs, input.weights)
  const deltas = await Promise.all(
    input.updates.map(async (update) => ({ ...update, values: await openFloats(blobs, update.update) })),
  )
  const before = await openState(blobs, input.state)
  const output = await blobs.writer()
  const stateWriters = new Map<string, BlobWriter>()
  await output.write(encodeHeader(input.specs.map((spec) => ({ ...spec, dataType: 'F32' }))))
  const sums: Record<string, number> = {}
  for (let start = 0; start < dimension; start += rangeLength) {
    const range = { start, end: Math.min(dimension, start + rangeLength) }
    const updates: Update[] = []
    for (const { site, numExamples, values } of deltas) updates.push({ site, numExamples, delta: await values(range) })
    const state = await stateRange(before, input.strategy, range)
    const { result, state: next, measurements } = step(input.strategy, { weights: await global(range), updates }, state)
    await output.write(bytesOf(result))
    for (const [name, vector] of flatState(next))
      await (await writerFor(stateWriters, blobs, name)).write(bytesOf(vector))
    for (const [name, value] of Object.entries(measurements)) sums[name] = (sums[name] ?? 0) + value
  }
  const weights = await output.finish()
  const state: Record<string, BlobRef> = {}
  for (const [name, writer] of stateWriters) state[name] = await writer.finish()
  return { weights, state, measurements: normsOf(sums) }
}

type Range = { readonly start: number; readonly end: number }
type Floats = (range: Range) => Promise<Float32Array<ArrayBuffer>>

/** The flat vector of a weights file, by ranges. Errors: WR_BLOB_MISSING, WR_WEIGHTS_INVALID. */
export async function openFloats(blobs: BlobStore, ref: BlobRef): Promise<Floats> {
  const { dataStart } = await readHeader(blobs, ref)
  return async ({ start, end }) => {
    const bytes = await blobs.read(ref.sha256, { start: dataStart + start * 4, end: dataStart + end * 4 })
    return new Float32Array(Uint8Array.from(bytes).buffer)
  }
}

export async function readHeader(blobs: BlobStore, ref: BlobRef): Promise<Header> {
  const size = headerSize(await blobs.read(ref.sha256, { start: 0, end: 8 }))
  return parseHeader(await blobs.read(ref.sha256, { start: 0, end: 8 + size }), ref.sizeBytes)
}

const parts = ['aggregator', 'serverOptimizer'] as const

const flatState = (state: StrategyState): [string, Float64Array<ArrayBuffer>][] =>
  parts.flatMap((part) =>
    Object.entries(state[part]).map(([name, vector]): [string, Float64Array<ArrayBuffer>] => [
      `${part}/${name}`,
      vector,
    ]),
  )

type StoredState = ReadonlyMap<string, (range: Range) => Promise<Float64Array<ArrayBuffer>>>

/** State vectors are stored bare: 8 bytes a weight. */
async function openState(blobs: BlobStore, state: AggregateInput['state']): Promise<StoredState> {
  return new Map(
    Object.entries(state ?? {}).map(([name, value]) => {
      const ref = blobRefSchema.parse(value)
      return [
        name,
        async ({ start, end }) =>
          new Float64Array(Uint8Array.from(await blobs.read(ref.sha256, { start: start * 8, end: end * 8 })).buffer),
      ]
    }),
  )
}

async function stateRange(stored: StoredState, strategy: Strategy, range: Range): Promise<StrategyState> {
  const length = range.end - range.start
  const load = async (part: (typeof parts)[number]): Promise<VectorState> => {
    const initial = strategy[part].init(length)
    const loaded = await Promise.all(
      Object.entries(initial).map(
        async ([name, vector]) => [name, (await stored.get(`${part}/${name}`)?.(range)) ?? vector] as const,
      ),
    )
    return Object.fromEntries(loaded)
  }
  return { aggregator: await load('aggregator'), serverOptimizer: await load('serverOptimizer') }
}

async function writerFor(writers: Map<string, BlobWriter>, blobs: BlobStore, name: string): Promise<BlobWriter> {
  const writer = writers.get(name) ?? (await blobs.writer())
  writers.set(name, writer)
  return writer
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
