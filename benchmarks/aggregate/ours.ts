/** Our side, a process of its own: one JSON document from stdin (Asked), one to stdout (Told). */
import { randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { countBuffersWithHeap } from '@wardround/cli/heap.ts'
import { aggregateRound } from '@wardround/coordinator/aggregate.ts'
import { folderBlobs } from '@wardround/coordinator/blobs/fs.ts'
import { weightsHead } from '@wardround/coordinator/weights.ts'
import { initialState, type Update, weighed } from '@wardround/core/learning/process.ts'
import { stepping } from '@wardround/core/learning/stepping.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { float32Of, parseHeader } from '@wardround/core/safetensors.ts'
import type { StrategySpec } from '@wardround/core/study/strategy.ts'
import { type Take, workbench } from '@wardround/core/workbench.ts'
import { peakMbOf } from '../round-trip/process-figures.ts'
import { type Blobs, specsOf, writeBlobs } from './data.ts'

// As the coordinator does.
countBuffersWithHeap()

export type Asked = {
  readonly folder: string
  /** Absent: it writes them, as a coordinator that takes them in. */
  readonly written?: Blobs
  readonly sites: number
  readonly weights: number
  readonly strategy: StrategySpec
  /** `whole`: as a round does it, from blobs to a blob. `arithmetic`: the strategy's step alone, on updates in memory, in ranges of the same length. */
  readonly part: 'whole' | 'arithmetic'
  readonly runs: number
}

export type Told = {
  readonly written: Blobs
  readonly seconds: readonly number[]
  readonly peakMb: number | null
  /** What the first four weights are after the step. */
  readonly first: readonly number[]
}

const rangeLength = 1 << 17

const times: number[] = []
async function timed<T>(work: () => Promise<T>): Promise<T> {
  const from = performance.now()
  const result = await work()
  times.push((performance.now() - from) / 1000)
  return result
}

const asked = JSON.parse(await text(process.stdin)) as Asked
const blobs = await folderBlobs(asked.folder, randomBytes)
const written = asked.written ?? (await writeBlobs(blobs, asked))
const specs = specsOf(asked.weights)
const strategy = strategyOf(asked.strategy)
let first: readonly number[] = []

async function whole(): Promise<void> {
  const updates = written.updates.map((update, index) => ({
    site: `site-${String(index).padStart(5, '0')}`,
    update,
    numExamples: written.examples[index] ?? 1,
  }))
  const round = { strategy, specs, weights: written.global, state: undefined, updates }
  const { sha256 } = (await timed(() => aggregateRound(blobs, round))).weights
  const start = weightsHead(specs).length
  first = [...float32Of(await blobs.read(sha256, { start, end: start + 16 }))]
  // The same result has the same name: made again, it must be written again.
  await blobs.delete(sha256)
}

/** Updates in memory: on a workbench, where there is one of that size. */
async function loaded(take: Take): Promise<Update[]> {
  const updates: Update[] = []
  for (const [index, { sha256 }] of written.updates.entries()) {
    const bytes = await blobs.read(sha256)
    const values = bytes.subarray(parseHeader(bytes, bytes.length).dataStart)
    const place = take(values.length)
    place.set(values)
    const delta = float32Of(place)
    updates.push({ site: `site-${String(index).padStart(5, '0')}`, numExamples: written.examples[index] ?? 1, delta })
  }
  return updates
}

function arithmetic(updates: readonly Update[], weights: Float32Array, take: Take): void {
  const combination = weighed(strategy, updates, initialState(strategy, 0))
  const facts = { combination, cohort: updates.length, makings: updates }
  const { needed, atOnce, begin, add, finish } = stepping(strategy, facts, { rangeLength, take })
  const deltas = needed.map((k) => updates[k]?.delta ?? new Float32Array())
  for (let start = 0; start < asked.weights; start += rangeLength) {
    const end = Math.min(asked.weights, start + rangeLength)
    begin(end - start, initialState(strategy, end - start))
    for (let at = 0; at < deltas.length; at += atOnce)
      add(deltas.slice(at, at + atOnce).map((delta) => delta.subarray(start, end)))
    const { result } = finish(weights.subarray(start, end))
    if (start === 0) first = [...result.subarray(0, 4)]
  }
}

if (asked.part === 'whole') for (let run = 0; run < asked.runs; run++) await whole()
else {
  // Beside what is summed, two sums and two results of each run.
  const take = workbench(4 * asked.weights * (asked.sites + 1) + 32 * rangeLength * asked.runs).begin()
  const [updates, weights] = [await loaded(take), float32Of(take(4 * asked.weights))]
  for (let run = 0; run < asked.runs; run++) await timed(async () => arithmetic(updates, weights, take))
}
const told: Told = { written, seconds: times, peakMb: peakMbOf(process.pid), first }
process.stdout.write(JSON.stringify(told))
