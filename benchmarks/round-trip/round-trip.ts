/** `npm run bench -- round-trip`: the overhead of a round, by the size of the model. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aligned, median } from '../figures.ts'
import { benchRuntime } from '../runtime.ts'
import { bareRequestMs } from './bare-request.ts'
import { runFederation } from './federation.ts'
import { roundTripWords } from './words.ts'

export type RoundTripOptions = {
  readonly sites?: readonly number[]
  /** Sizes of models. */
  readonly weights?: readonly number[]
  /** For each of them; by default fewer for larger ones. */
  readonly rounds?: number
  readonly note?: (line: string) => void
  readonly signal: AbortSignal
}

export type RoundTripRow = {
  readonly sites: number
  readonly weights: number
  readonly rounds: number
  readonly overheadMs: number
  readonly fastestMs: number
  readonly slowestMs: number
  readonly coordinatorCpuMs: number | null
  readonly sitesCpuMs: number | null
  readonly coordinatorPeakMb: number | null
  readonly sitePeakMb: number | null
}

export type RoundTripReport = { readonly rows: readonly RoundTripRow[]; readonly bareRequestMs: number }

const usualRounds = ({ sites, weights }: Size): number =>
  sites * weights <= 400_000 ? 300 : sites * weights <= 8_000_000 ? 60 : 10

type Size = { readonly sites: number; readonly weights: number }

/** Hospitals with small and large models, and a crowd. */
const usual: readonly Size[] = [
  { sites: 4, weights: 10_000 },
  { sites: 4, weights: 1_000_000 },
  { sites: 4, weights: 10_000_000 },
  { sites: 1000, weights: 10_000 },
]

/** Whatever is given of sites and weights is measured in every combination. */
function sizesOf({ sites, weights }: RoundTripOptions): readonly Size[] {
  if (sites === undefined && weights === undefined) return usual
  return (sites ?? [4]).flatMap((count) => (weights ?? [10_000]).map((size) => ({ sites: count, weights: size })))
}

export async function roundTripBench(options: RoundTripOptions): Promise<RoundTripReport> {
  const { note = () => undefined, signal } = options
  const bare = await bareRequestMs()
  const rows: RoundTripRow[] = []
  for (const size of sizesOf(options)) {
    const rounds = options.rounds ?? usualRounds(size)
    note(roundTripWords.running(size, rounds))
    const folder = mkdtempSync(join(tmpdir(), 'wardround-round-trip-'))
    try {
      const {
        roundMs,
        coordinatorStartMb: _,
        ...seen
      } = await runFederation(benchRuntime(signal), { folder, ...size, rounds })
      const overheadMs = median(roundMs) ?? Number.NaN
      note(roundTripWords.ran(overheadMs))
      const [fastestMs, slowestMs] = [Math.min(...roundMs), Math.max(...roundMs)]
      rows.push({ sites: size.sites, rounds, overheadMs, fastestMs, slowestMs, ...seen })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { rows, bareRequestMs: bare }
}

export function roundTripTable({ rows, bareRequestMs: bare }: RoundTripReport): string {
  const { figure, ratio } = roundTripWords
  const lines = rows.map((row) => [
    figure(row.sites),
    row.weights.toLocaleString('en'),
    figure(row.rounds),
    figure(row.overheadMs),
    figure(row.fastestMs),
    figure(row.slowestMs),
    ratio(row.overheadMs / bare),
    figure(row.coordinatorCpuMs),
    figure(row.sitesCpuMs),
    figure(row.coordinatorPeakMb),
    figure(row.sitePeakMb),
  ])
  return [
    roundTripWords.heading(),
    '',
    ...aligned([roundTripWords.columns(), ...lines], 0),
    '',
    ...roundTripWords.notes(bare),
  ].join('\n')
}
