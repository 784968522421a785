/** `npm run bench -- load`: a thousand sites and two hundred watchers on one coordinator, and how long a call takes meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantile } from '../figures.ts'
import { benchRuntime } from '../runtime.ts'
import { type Growth, growthOf, type Sample } from './growth.ts'
import type { Probed } from './prober.ts'
import type { Comparison } from './received.ts'
import { runLoad } from './run-load.ts'
import { loadWords } from './words.ts'

export type Load = {
  readonly seconds: number
  readonly sites: number
  readonly watchers: number
  /** Sites and watchers are shared out among them. */
  readonly studies: number
}

export type LoadOptions = Partial<Load> & { readonly note?: (line: string) => void; readonly signal: AbortSignal }

const usual: Load = { seconds: 600, sites: 1000, watchers: 200, studies: 10 }

export type LoadRow = {
  readonly route: string
  readonly calls: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  readonly errors: number
}

/** What was seen while the load was on. */
export type Seen = {
  readonly probed: readonly Probed[]
  readonly coordinator: Used
  readonly sites: Used
  readonly watching: Used
  readonly watchers: readonly Comparison[]
  readonly streamsBrokenOff: number
  /** By the coordinator's own count, those of watchers and sites included. */
  readonly requests: number
  /** Answers of 400 and more among them. */
  readonly refusals: number
  readonly roundsEnded: number
  readonly seconds: number
}

/** Processor time in milliseconds, in all threads; null where the system does not tell. */
export type Used = { readonly cpuMs: number | null; readonly samples: readonly Sample[] }

export type LoadReport = Load & {
  readonly rows: readonly LoadRow[]
  readonly memory: Growth
  readonly cpuShare: {
    readonly coordinator: number | null
    readonly sites: number | null
    readonly watchers: number | null
  }
  readonly requestsPerSecond: number
  readonly refusals: number
  readonly roundsEnded: number
  readonly events: {
    readonly sent: number
    readonly received: number
    readonly lost: number
    readonly doubled: number
    readonly outOfOrder: number
    readonly streamsBrokenOff: number
  }
  /** Targets that were not met, as sentences; none: all were. */
  readonly missed: readonly string[]
}

/** The 99th percentile of a call's time, on any route. */
export const targetMs = 100

export async function loadBench({ note = () => undefined, signal, ...given }: LoadOptions): Promise<LoadReport> {
  const load = { ...usual, ...given }
  const folder = mkdtempSync(join(tmpdir(), 'wardround-load-'))
  try {
    return reportOf(load, await runLoad(benchRuntime(signal), { folder, load, note }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function reportOf(load: Load, seen: Seen): LoadReport {
  const rows = seen.probed.map(({ route, latenciesMs, errors }) => ({
    route,
    calls: latenciesMs.length + errors,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    maxMs: quantile(latenciesMs, 1),
    errors,
  }))
  const share = ({ cpuMs }: Used): number | null => (cpuMs === null ? null : cpuMs / 1000 / seen.seconds)
  const sum = (of: (watcher: Comparison) => number): number => seen.watchers.reduce((all, one) => all + of(one), 0)
  const report = {
    ...load,
    rows,
    memory: growthOf(afterWarmUp(seen.coordinator.samples)),
    cpuShare: { coordinator: share(seen.coordinator), sites: share(seen.sites), watchers: share(seen.watching) },
    requestsPerSecond: seen.requests / seen.seconds,
    refusals: seen.refusals,
    roundsEnded: seen.roundsEnded,
    events: {
      sent: sum(({ sent }) => sent),
      received: sum(({ received }) => received),
      lost: sum(({ lost }) => lost),
      doubled: sum(({ doubled }) => doubled),
      outOfOrder: sum(({ outOfOrder }) => outOfOrder),
      streamsBrokenOff: seen.streamsBrokenOff,
    },
  }
  return { ...report, missed: missedBy(report) }
}

/** Without the first third: caches fill, code is compiled, and the heap finds its size. */
export const afterWarmUp = (samples: readonly Sample[]): readonly Sample[] =>
  samples.slice(Math.ceil(samples.length / 3))

function missedBy({ rows, memory, events }: Pick<LoadReport, 'rows' | 'memory' | 'events'>): string[] {
  const { missed } = loadWords
  const slow = rows.flatMap(({ route, p99Ms }) =>
    p99Ms === null || p99Ms >= targetMs ? [missed.slow(route, p99Ms)] : [],
  )
  const failed = rows.flatMap(({ route, errors }) => (errors > 0 ? [missed.failed(route, errors)] : []))
  const wrong = events.lost + events.doubled + events.outOfOrder + events.streamsBrokenOff
  return [
    ...slow,
    ...failed,
    ...(memory.grows ? [missed.grows()] : []),
    ...(wrong > 0 || events.sent === 0 ? [missed.events()] : []),
  ]
}
