/** `npm run bench -- memory`: the most that a coordinator has in memory while a federation trains a large model, and after it when the model is fetched. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@wardround/site/client.ts'
import { aligned } from '../figures.ts'
import { runFederation } from '../round-trip/federation.ts'
import { benchRuntime } from '../runtime.ts'
import { memoryWords } from './words.ts'

export type MemoryOptions = {
  readonly sites?: readonly number[]
  readonly weights?: readonly number[]
  readonly rounds?: number
  readonly note?: (line: string) => void
  readonly signal: AbortSignal
}

export type MemoryRow = {
  readonly sites: number
  readonly weights: number
  /** Of Float32, in units of 10^6 bytes, as all that follow. */
  readonly modelMb: number
  /** Of the coordinator's process before there was a study, and at the end; null where the system does not tell. */
  readonly startMb: number | null
  readonly peakMb: number | null
  /** The bound: 512 MB, whatever the size of the model and the number of sites. */
  readonly limitMb: number
}

export type MemoryReport = { readonly rows: readonly MemoryRow[] }

export const limitMb = 512

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
  const { note = () => undefined, signal, rounds = 2 } = options
  const rows: MemoryRow[] = []
  for (const size of sizesOf(options)) {
    note(memoryWords.running(size, rounds))
    const folder = mkdtempSync(join(tmpdir(), 'wardround-memory-'))
    try {
      const federation = { folder, ...size, rounds, crowd: true, afterwards: fetchModel }
      const { weights, coordinatorStartMb, coordinatorPeakMb } = await runFederation(benchRuntime(signal), federation)
      const [startMb, peakMb] = [coordinatorStartMb, coordinatorPeakMb]
      rows.push({ sites: size.sites, weights, modelMb: (4 * weights) / 1e6, startMb, peakMb, limitMb })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
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
  const lines = rows.map(({ sites, weights, modelMb, startMb, peakMb, limitMb }) => [
    figure(sites),
    weights.toLocaleString('en'),
    ...[modelMb, startMb, peakMb, limitMb].map(figure),
  ])
  return [memoryWords.heading(), '', ...aligned([memoryWords.columns(), ...lines], 0), '', ...memoryWords.notes()].join(
    '\n',
  )
}
