/** `npm run bench -- peers`: the same study in Wardround, Flower and NVFlare, one after the other on this machine. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import { usualFolder, writeCenters } from '../fed-heart-disease.ts'
import { type Measured, measure } from './measure.ts'
import { type Figures, type Row, type Run, rowsOf, secondsPerRound, tableOf } from './rows.ts'
import { type Launch, obstacle, type Peer, peers } from './systems.ts'
import { peersWords } from './words.ts'

const here = dirname(fileURLToPath(import.meta.url))

export type PeersOptions = {
  readonly rounds?: number
  readonly runs?: number
  /** Settings of OMP_NUM_THREADS that each peer is given; 'default' leaves it to PyTorch. */
  readonly threads?: readonly string[]
  /** `Flower`, `NVFlare`, `Flower deployment`, …; absent: all. Wardround always runs. */
  readonly only?: readonly string[]
  /** The folder of heart_disease with `original/` and `flamby_split.csv`. */
  readonly data?: string
  /** The virtual environment that install.sh made. */
  readonly environment?: string
  /** Logs of all runs. */
  readonly out?: string
  /** How Wardround is started; the default is wardround.ts, five processes. It must write `resultFile` as the peers do. */
  readonly wardround?: (files: WardroundFiles) => Launch
  /** Progress, a line at a time. */
  readonly note?: (line: string) => void
  readonly signal?: AbortSignal
}

export type WardroundFiles = {
  readonly data: string
  readonly study: string
  readonly work: string
  readonly resultFile: string
  readonly rounds: number
}

export type PeersReport = {
  readonly rounds: number
  readonly runs: number
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGb: number; readonly node: string }
  readonly rows: readonly Row[]
  readonly notes: readonly string[]
}

const resultSchema = z.object({
  accuracy: z.number().min(0).max(1),
  accuracyBySite: z.record(z.string(), z.number()),
  /** Seconds since the epoch. */
  roundEnds: z.array(z.number()),
})

const settingsOf = (options: PeersOptions) => ({
  rounds: options.rounds ?? 30,
  runs: options.runs ?? 1,
  threads: options.threads ?? ['default', '1'],
  data: resolve(options.data ?? usualFolder()),
  environment: resolve(options.environment ?? join(here, '.venv')),
  out: resolve(options.out ?? join('out', 'peers')),
  wardround: options.wardround ?? startWardround,
  note: options.note ?? (() => undefined),
  signal: options.signal,
})
type Settings = ReturnType<typeof settingsOf>

/** Never fails for a peer: one without figures is a row with nulls and the reason. Errors: WR_DATA_MISSING, WR_USAGE. */
export async function peersBench(options: PeersOptions = {}): Promise<PeersReport> {
  if (process.platform !== 'linux')
    throw new WardroundError('WR_USAGE', { problem: peersWords.linuxOnly(), command: 'bench' })
  const settings = settingsOf(options)
  mkdirSync(settings.out, { recursive: true })
  const prepared = join(settings.out, 'data')
  const study = join(here, 'study.yaml')
  writeCenters({ from: settings.data, to: prepared })
  const chosen = peers.filter(({ system, mode }) => wanted(options.only, system, mode))
  const runs: Run[] = []
  for (let repeat = 1; repeat <= settings.runs; repeat += 1) {
    runs.push(await wardroundRow(settings, { prepared, study, repeat }))
    for (const peer of chosen) runs.push(...(await peerRuns(peer, settings, { prepared, repeat })))
  }
  return {
    rounds: settings.rounds,
    runs: settings.runs,
    machine: {
      cpu: cpus()[0]?.model ?? '',
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    },
    rows: rowsOf(runs),
    notes: peersWords.notes(),
  }
}

/** The report as a person reads it. */
export const peersTable = ({ rows, rounds, runs }: PeersReport): string => tableOf(rows, { rounds, runs }).join('\n')

const wanted = (only: readonly string[] | undefined, system: string, mode: string): boolean =>
  only === undefined || only.some((name) => name === system || name === `${system} ${mode}`)

/** One run of Wardround, by the command that the options name. */
export async function wardroundRow(
  settings: Settings,
  { prepared, study, repeat }: { prepared: string; study: string; repeat: number },
): Promise<Run> {
  const { rounds } = settings
  const title = { system: 'Wardround', mode: 'deployment', threads: 'default' }
  return run(settings, {
    title,
    log: `wardround-${repeat}.log`,
    limitSeconds: 60 + 10 * rounds,
    launch: async (work, resultFile) => settings.wardround({ data: prepared, study, work, resultFile, rounds }),
  })
}

const startWardround = ({ data, study, work, resultFile, rounds }: WardroundFiles): Launch => ({
  program: process.execPath,
  args: [join(here, 'wardround.ts'), study, data, join(work, 'federation'), resultFile, String(rounds)],
  env: process.env,
})

async function peerRuns(
  peer: Peer,
  settings: Settings,
  { prepared, repeat }: { prepared: string; repeat: number },
): Promise<Run[]> {
  const { system, mode } = peer
  const { environment, rounds } = settings
  const runs: Run[] = []
  for (const threads of settings.threads) {
    const problem = await obstacle(peer, environment)
    if (problem !== undefined) {
      settings.note(peersWords.failed(`${system}, ${mode}: ${problem}`))
      return [...runs, { system, mode, threads, problem }]
    }
    const finished = await run(settings, {
      title: { system, mode, threads },
      log: `${system}-${mode}-${threads}-${repeat}.log`.toLowerCase(),
      limitSeconds: peer.startLimit + rounds * peer.roundLimit,
      launch: (work, resultFile) =>
        peer.launch({ here, environment, work, data: prepared, resultFile, rounds, threads }),
    })
    runs.push(finished)
  }
  return runs
}

type Started = {
  readonly title: { readonly system: string; readonly mode: string; readonly threads: string }
  readonly log: string
  readonly limitSeconds: number
  readonly launch: (work: string, resultFile: string) => Promise<Launch>
}

async function run(settings: Settings, { title, log, limitSeconds, launch }: Started): Promise<Run> {
  const { note, signal } = settings
  note(
    peersWords.running(title.system, title.mode, title.system === 'Wardround' ? '' : peersWords.threads(title.threads)),
  )
  const work = mkdtempSync(join(tmpdir(), 'wp-'))
  const resultFile = join(work, 'result.json')
  const logFile = join(settings.out, log)
  try {
    const measured = await measure({
      ...(await launch(work, resultFile)),
      cwd: work,
      resultFile,
      logFile,
      limitSeconds,
      ...(signal === undefined ? {} : { signal }),
    })
    const found = figuresOf(measured, { resultFile, logFile, limitSeconds })
    note('problem' in found ? peersWords.failed(found.problem) : peersWords.ran(measured.seconds, measured.peakMb))
    return { ...title, ...found }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function figuresOf(
  measured: Measured,
  { resultFile, logFile, limitSeconds }: { resultFile: string; logFile: string; limitSeconds: number },
): { readonly figures: Figures } | { readonly problem: string } {
  if (!measured.hasResult) {
    if (measured.end === 'timed out') return { problem: peersWords.timedOut(limitSeconds) }
    if (measured.end === 'interrupted') return { problem: peersWords.interrupted() }
    return { problem: peersWords.exited(measured.exitCode, logFile) }
  }
  const parsed = resultSchema.safeParse(JSON.parse(readFileSync(resultFile, 'utf8')))
  if (!parsed.success) return { problem: peersWords.badResult(resultFile) }
  const { seconds, peakMb, peakRssMb, bytes } = measured
  const { accuracy, roundEnds } = parsed.data
  return {
    figures: { seconds, secondsPerRound: secondsPerRound(roundEnds), peakMb, peakRssMb, bytes, accuracy },
  }
}
