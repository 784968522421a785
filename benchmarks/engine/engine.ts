/** `npm run bench -- engine`: steps of training by our graphs and by PyTorch, each in a process of its own, by turns. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { median } from '../figures.ts'
import { highest } from '../round-trip/process-figures.ts'
import { type Case, cases, mostTorchSteps } from './cases.ts'
import { type Files, writeFiles } from './data.ts'
import { pythonIn } from './environment.ts'
import type { Asked, Told } from './ours.ts'
import { type Command, ours, startSide, theirs } from './side.ts'
import { engineWords } from './words.ts'

export type EngineOptions = {
  /** By name. */
  readonly cases?: readonly string[]
  readonly threads?: readonly number[]
  readonly runs?: number
  readonly environment?: string
  readonly signal: AbortSignal
  readonly note: (line: string) => void
}

export type EngineRow = {
  readonly case: string
  readonly threads: number
  /** A step: the median of the runs, and the fastest. */
  readonly ms: number
  readonly torchMs: number
  readonly fastestMs: number
  readonly torchFastestMs: number
  /** PyTorch's median by ours. */
  readonly ratio: number
  readonly target: number
  readonly peakMb: number | null
  readonly torchPeakMb: number | null
  /** The largest difference of the first losses. */
  readonly differs: number
}

export type EngineReport = {
  readonly rows: readonly EngineRow[]
  readonly startupMs: number
  readonly torchStartupMs: number
  /** Of the case that needs the most. */
  readonly peakMb: number | null
  readonly torchPeakMb: number | null
  readonly torchVersion: string
}

type Measured = { readonly asked: Asked; readonly target: number; readonly runs: number; readonly python: string }

const compared = 16
/** Rounding alone makes losses differ by less; another model, optimizer or batch by more. */
const mostDifference = 2e-3

/** Errors: WR_INTERNAL where both sides do not do the same work. */
function differenceOf(name: string, own: Told, other: Told): number {
  const pairs = own.losses.slice(0, compared).map((loss, step) => [loss, other.losses[step] ?? Number.NaN] as const)
  const differences = pairs.map(([a, b]) => Math.abs(a - b) / Math.max(1, Math.abs(b)))
  if (!differences.every((difference) => difference < mostDifference))
    throw new WardroundError('WR_INTERNAL', { what: engineWords.differ(name, pairs) })
  return Math.max(...differences)
}

/** The first run is not measured: it warms up, and shows that both sides do the same. */
async function measure({ asked, target, runs, python }: Measured): Promise<EngineRow> {
  const { name, steps, threads } = asked
  const sides = [startSide(ours, asked), startSide(theirs(python), asked)] as const
  const theirSteps = Math.min(steps, mostTorchSteps)
  const turn = async () => [await sides[0].run(steps), await sides[1].run(theirSteps)] as const
  try {
    const differs = differenceOf(name, ...(await turn()))
    const turns = []
    for (let run = 0; run < runs; run++) turns.push(await turn())
    const [own, other] = [turns.map(([told]) => told), turns.map(([, told]) => told)]
    const perStep = (tolds: readonly Told[]): number[] => tolds.map(({ ms, losses }) => ms / losses.length)
    const middle = (tolds: readonly Told[]): number => median(perStep(tolds)) ?? Number.NaN
    return {
      case: name,
      threads,
      ms: middle(own),
      torchMs: middle(other),
      fastestMs: Math.min(...perStep(own)),
      torchFastestMs: Math.min(...perStep(other)),
      ratio: middle(other) / middle(own),
      target,
      peakMb: highest(own.map(({ peakMb }) => peakMb)),
      torchPeakMb: highest(other.map(({ peakMb }) => peakMb)),
      differs,
    }
  } finally {
    await Promise.all(sides.map((side) => side.end()))
  }
}

/** From the start of a process to the end of its first step. */
async function startupOf(command: Command, asked: Asked): Promise<number> {
  const from = performance.now()
  const side = startSide(command, asked)
  await side.run(1)
  const ms = performance.now() - from
  await side.end()
  return ms
}

async function startups(asked: Asked, { runs, python }: { runs: number; python: string }) {
  const [own, other]: [number[], number[]] = [[], []]
  // The first start of each is for what the system has yet to read from the disk.
  for (let run = 0; run <= runs; run++) {
    own.push(await startupOf(ours, asked))
    other.push(await startupOf(theirs(python), asked))
  }
  const middle = (values: readonly number[]): number => median(values.slice(1)) ?? Number.NaN
  return { startupMs: middle(own), torchStartupMs: middle(other) }
}

export async function withFiles<T>(one: Case, use: (files: Files) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-engine-'))
  try {
    return await use(writeFiles(folder, one))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a process starts up with. */
const started = 'MLP 13-64-32-1'

export async function engineBench(options: EngineOptions): Promise<EngineReport> {
  const { threads = [1, 2], runs = 5, note, signal } = options
  const { path: python, torchVersion } = pythonIn(options.environment)
  const wanted = cases.filter(({ name }) => options.cases?.includes(name) ?? true)
  const rows: EngineRow[] = []
  for (const { target, ...one } of wanted) {
    await withFiles({ target, ...one }, async (files) => {
      for (const count of threads) {
        if (signal.aborted) return
        const row = await measure({ asked: { ...one, files, threads: count }, target, runs, python })
        rows.push(row)
        note(engineWords.ran(row))
      }
    })
  }
  const { target: _, ...first } = cases.find(({ name }) => name === started) ?? missing()
  const times = await withFiles({ target: _, ...first }, (files) =>
    startups({ ...first, files, threads: 1 }, { runs, python }),
  )
  return {
    rows,
    ...times,
    peakMb: highest(rows.map(({ peakMb }) => peakMb)),
    torchPeakMb: highest(rows.map(({ torchPeakMb }) => torchPeakMb)),
    torchVersion,
  }
}

const missing = (): never => {
  throw new TypeError(`there is no ${started}`)
}
