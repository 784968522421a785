/** Our side, a process of its own: one JSON document from stdin (Asked), one to stdout (Told). */
import { text } from 'node:stream/consumers'
import { aggregateRound } from '@wardround/coordinator/aggregate.ts'
import { folderBlobs } from '@wardround/coordinator/blobs/fs.ts'
import { initialState, step, type Update, weighed } from '@wardround/core/learning/process.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { float32Of, parseHeader } from '@wardround/core/safetensors.ts'
import type { StrategySpec } from '@wardround/core/study/strategy.ts'
import { peakMbOf } from '../round-trip/process-figures.ts'
import { specsOf } from './data.ts'

export type Asked = {
  readonly folder: string
  readonly global: BlobRef
  readonly updates: readonly BlobRef[]
  readonly examples: readonly number[]
  readonly weights: number
  readonly strategy: StrategySpec
  /** `whole`: as a round does it, from blobs to a blob. `arithmetic`: the strategy's step alone, on updates in memory, in ranges of the same length. */
  readonly part: 'whole' | 'arithmetic'
  readonly runs: number
}

export type Told = {
  readonly seconds: readonly number[]
  readonly peakMb: number | null
  /** What the first four weights are after the step. */
  readonly first: readonly number[]
}

const rangeLength = 1 << 16

async function seconds(work: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await work()
  return (performance.now() - from) / 1000
}

const asked = JSON.parse(await text(process.stdin)) as Asked
const blobs = await folderBlobs(asked.folder)
const specs = specsOf(asked.weights)
const strategy = strategyOf(asked.strategy)
let first: readonly number[] = []

async function whole(): Promise<void> {
  const updates = asked.updates.map((update, index) => ({
    site: `site-${String(index).padStart(5, '0')}`,
    update,
    numExamples: asked.examples[index] ?? 1,
  }))
  const { weights } = await aggregateRound(blobs, { strategy, specs, weights: asked.global, state: undefined, updates })
  const bytes = await blobs.read(weights.sha256)
  const { dataStart } = parseHeader(bytes, bytes.length)
  first = [...float32Of(bytes.subarray(dataStart, dataStart + 16))]
  // The same result has the same name: made again, it must be written again.
  await blobs.delete(weights.sha256)
}

/** Updates in memory, each a view of its blob. */
async function loaded(): Promise<Update[]> {
  const updates: Update[] = []
  for (const [index, { sha256 }] of asked.updates.entries()) {
    const bytes = await blobs.read(sha256)
    const delta = float32Of(bytes.subarray(parseHeader(bytes, bytes.length).dataStart))
    updates.push({ site: `site-${String(index).padStart(5, '0')}`, numExamples: asked.examples[index] ?? 1, delta })
  }
  return updates
}

function arithmetic(updates: readonly Update[], weights: Float32Array): void {
  const combination = weighed(strategy, updates, initialState(strategy, 0))
  for (let start = 0; start < asked.weights; start += rangeLength) {
    const end = Math.min(asked.weights, start + rangeLength)
    const round = {
      weights: weights.subarray(start, end),
      updates: updates.map((update) => ({ ...update, delta: update.delta.subarray(start, end) })),
      combination,
    }
    const { result } = step(strategy, round, initialState(strategy, end - start))
    if (start === 0) first = [...result.subarray(0, 4)]
  }
}

const updates = asked.part === 'arithmetic' ? await loaded() : []
const weights = new Float32Array(asked.part === 'arithmetic' ? asked.weights : 0)
const times: number[] = []
for (let run = 0; run < asked.runs; run++)
  times.push(await seconds(asked.part === 'whole' ? whole : async () => arithmetic(updates, weights)))
process.stdout.write(JSON.stringify({ seconds: times, peakMb: peakMbOf(process.pid), first } satisfies Told))
