/** `npm run bench -- memory`: the most that a coordinator, and that a site, has in memory while a federation trains a large model. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@wardround/site/client.ts'
import { aligned } from '../figures.ts'
import { type Federation, runFederation, type Seen } from '../round-trip/federation.ts'
import { benchRuntime } from '../runtime.ts'
import { memoryWords } from './words.ts'

export type MemoryOptions = {
  readonly sites?: readonly number[]
  readonly weights?: readonly number[]
  readonly rounds?: number
  /** The model of a site that trains in truth; 0 for none. */
  readonly siteWeights?: number
  readonly note?: (line: string) => void
  readonly signal: AbortSignal
}

export type MemoryRow = {
  readonly of: 'coordinator' | 'site'
  readonly sites: number
  readonly weights: number
  /** Of Float32, in units of 10^6 bytes, as all that follow. */
  readonly modelMb: number
  /** Of the coordinator's process before there was a study; null of a site, and where the system does not tell. */
  readonly startMb: number | null
  readonly peakMb: number | null
  /** What it should need at the most: a coordinator 512 MB, a site three times its model. */
  readonly limitMb: number
}

export type MemoryReport = { readonly rows: readonly MemoryRow[] }

const coordinatorLimitMb = 512
const siteLimitModels = 3

type Size = { readonly sites: number; readonly weights: number }

/** A model of 1 GB; and many sites. */
const usual: readonly Size[] = [
  { sites: 4, weights: 250_000_000 },
  { sites: 64, weights: 25_000_000 },
  { sites: 256, weights: 2_000_000 },
]

function sizesOf({ sites, weights }: MemoryOptions): readonly Size[] {
  if (sites === undefined && weights === undefined) return usual
  return (sites ?? [4]).flatMap((count) => (weights ?? [250_000_000]).map((size) => ({ sites: count, weights: size })))
}

export async function memoryBench(options: MemoryOptions): Promise<MemoryReport> {
  const { note = () => undefined, signal, rounds = 2, siteWeights = 250_000_000 } = options
  const rows: MemoryRow[] = []
  const seenIn = async (size: Size, how: Pick<Federation, 'crowd' | 'trains' | 'afterwards'>): Promise<Seen> => {
    note(memoryWords.running(size, rounds))
    const folder = mkdtempSync(join(tmpdir(), 'wardround-memory-'))
    try {
      return await runFederation(benchRuntime(signal), { folder, ...size, rounds, ...how })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  for (const size of sizesOf(options)) {
    const seen = await seenIn(size, { crowd: true, afterwards: fetchModel })
    const { weights, coordinatorStartMb: startMb, coordinatorPeakMb: peakMb } = seen
    const modelMb = (4 * weights) / 1e6
    rows.push({ of: 'coordinator', sites: size.sites, weights, modelMb, startMb, peakMb, limitMb: coordinatorLimitMb })
  }
  if (siteWeights > 0) {
    const { weights, sitePeakMb: peakMb } = await seenIn({ sites: 1, weights: siteWeights }, { trains: true })
    const modelMb = (4 * weights) / 1e6
    rows.push({ of: 'site', sites: 1, weights, modelMb, startMb: null, peakMb, limitMb: siteLimitModels * modelMb })
  }
  return { rows }
}

/** In both forms, from end to end. */
async function fetchModel(client: Client, study: string): Promise<void> {
  for (const format of ['safetensors', 'onnx'] as const) {
    const { body } = await client.download('model', { params: { study }, query: { format } })
    for await (const _ of body);
  }
}

export function memoryTable({ rows }: MemoryReport): string {
  const { figure } = memoryWords
  const lines = rows.map(({ of, sites, weights, modelMb, startMb, peakMb, limitMb }) => [
    of,
    figure(sites),
    weights.toLocaleString('en'),
    ...[modelMb, startMb, peakMb, limitMb].map(figure),
  ])
  return [memoryWords.heading(), '', ...aligned([memoryWords.columns(), ...lines], 1), '', ...memoryWords.notes()].join(
    '\n',
  )
}
