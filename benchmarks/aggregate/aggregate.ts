/** `npm run bench -- aggregate`: updates into one, ours and numpy's from the same files, each in a process of its own. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { sha256Of } from '@wardround/coordinator/digest.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { sealing } from '@wardround/core/seal.ts'
import { z } from 'zod'
import type { Blobs } from './data.ts'
import { pythonIn } from './environment.ts'
import type { Asked, Told } from './ours.ts'
import { faultyIn, type RuleName, rules, trimmedIn } from './rules.ts'
import { aggregateWords } from './words.ts'

export type AggregateOptions = {
  readonly sites?: readonly number[]
  readonly weights?: number
  readonly rules?: readonly RuleName[]
  /** For the rules that are not the mean. */
  readonly ruleSites?: readonly number[]
  readonly ruleWeights?: number
  readonly runs?: number
  readonly environment?: string
  readonly note?: (line: string) => void
}

export type Form = {
  readonly form: string
  readonly gbPerSecond: number
  readonly sumsGbPerSecond: number | null
  readonly peakMb: number
}

export type AggregateRow = {
  readonly rule: RuleName
  readonly sites: number
  readonly weights: number
  /** GB (10^9 bytes) of updates a second: the whole path, the same where nothing is known by its seal, and the arithmetic alone. */
  readonly gbPerSecond: number
  readonly restartedGbPerSecond: number
  readonly sumsGbPerSecond: number | null
  /** Of numpy's own weighted mean, np.average, or of the rule; where there is no room for it, of numpy's fastest form. `numpyForm` names it. */
  readonly numpyGbPerSecond: number
  readonly numpySumsGbPerSecond: number | null
  readonly numpyForm: string
  readonly numpyPeakMb: number
  readonly numpyFastestGbPerSecond: number
  readonly numpyFastestForm: string
  readonly numpyFastestPeakMb: number
  readonly memcpyGbPerSecond: number
  readonly sha256GbPerSecond: number
  readonly sealGbPerSecond: number | null
  readonly peakMb: number | null
  /** Ours by numpy's. */
  readonly speedRatio: number
  readonly fastestSpeedRatio: number
  /** numpy's by ours. */
  readonly memoryRatio: number | null
  readonly fastestMemoryRatio: number | null
  /** The largest difference of the first four weights, as that form of numpy has them, by their size. */
  readonly differs: number
  readonly numpyForms: readonly Form[]
}

export type AggregateReport = { readonly rows: readonly AggregateRow[]; readonly numpyVersion: string }

const refSchema = z.object({ sha256: z.string(), sizeBytes: z.number() })
const toldSchema = z.object({
  written: z.object({
    global: refSchema,
    updates: z.array(refSchema),
    examples: z.array(z.number()),
    headerBytes: z.number(),
  }),
  seconds: z.array(z.number()),
  peakMb: z.number().nullable(),
  first: z.array(z.number()),
})
const numpySchema = z.object({
  wholeSeconds: z.array(z.number()),
  arithmeticSeconds: z.array(z.number()).nullable(),
  peakMb: z.number(),
  first: z.array(z.number()),
  version: z.string(),
})

type Ended = { readonly answer: unknown } | { readonly killedBy: NodeJS.Signals }

/** A process that reads one document and writes one. Errors: WR_INTERNAL where it fails. */
async function asked(command: readonly [string, ...string[]], document: object): Promise<Ended> {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (...how) => resolve(how)),
  )
  // One that ends before it has read what it is asked says so by its end.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(document))
  const answer = await text(child.stdout)
  const [code, signal] = await ended
  if (signal !== null) return { killedBy: signal }
  if (code !== 0) throw new WardroundError('WR_INTERNAL', { what: `${args[0]} ended with ${code}` })
  return { answer: JSON.parse(answer) }
}

const ours = fileURLToPath(new URL('ours.ts', import.meta.url))
const theirs = fileURLToPath(new URL('numpy_side.py', import.meta.url))

/** GB copied a second, the best of five. */
function memcpyGbPerSecond(): number {
  const [from, to] = [new Uint8Array(4e8).fill(1), new Uint8Array(4e8).fill(2)]
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now()
    to.set(from)
    return performance.now() - start
  })
  return from.length / Math.min(...times) / 1e6
}

/** GB a second on one core, the best of ten: by SHA-256, and as a seal. */
function hashedGbPerSecond(hash: (bytes: Uint8Array) => unknown): number {
  const bytes = new Uint8Array(1 << 25).fill(1)
  const times = Array.from({ length: 10 }, () => {
    const start = performance.now()
    hash(bytes)
    return performance.now() - start
  })
  return bytes.length / Math.min(...times) / 1e6
}
const sha256GbPerSecond = (): number => hashedGbPerSecond(sha256Of)

/** null where the platform has none. */
function sealGbPerSecond(): number | null {
  const start = sealing(randomBytes)
  if (start === undefined) return null
  return hashedGbPerSecond((bytes) => {
    const seal = start()
    seal.update(bytes)
    seal.digest()
  })
}

type Measured = { readonly rule: RuleName; readonly sites: number; readonly weights: number }
type World = {
  readonly folder: string
  readonly python: string
  readonly runs: number
  readonly note: (line: string) => void
}

/** What a form holds, beside the files, which are to stay in the system's cache: where that is more than is free, it is left out. */
const fits = (bytes: number, form: string): boolean =>
  form.startsWith('running') || bytes * (1 + (heldTimes[form] ?? 1)) < freemem()
/** All updates, and what numpy makes of them. */
const heldTimes: Readonly<Record<string, number>> = {
  matmul: 1.2,
  average: 2.2,
  flower: 2.2,
  median: 2.2,
  trimmedMean: 2.2,
  krum: 1.2,
  geometricMedian: 2.2,
}

const bytesOf = ({ sites, weights }: Measured): number => 4 * weights * sites
const perSecond = (bytes: number, seconds: readonly number[]): number => bytes / Math.min(...seconds) / 1e9

/** Ours: by the process that has written the updates, by one that has not, and the arithmetic. */
async function measureOurs(measured: Measured, { folder, runs }: World) {
  const common = { folder, ...measured, strategy: rules[measured.rule].strategy, runs }
  const run = async (document: Asked): Promise<Told> => {
    const ended = await asked([process.execPath, ours], document)
    if ('killedBy' in ended) throw new WardroundError('WR_INTERNAL', { what: `ours.ts was ended by ${ended.killedBy}` })
    return toldSchema.parse(ended.answer)
  }
  const whole = await run({ ...common, part: 'whole' })
  const { written } = whole
  const restarted = await run({ ...common, written, part: 'whole', runs: 1 })
  const sums = fits(bytesOf(measured), 'matmul') ? await run({ ...common, written, part: 'arithmetic' }) : null
  return { whole, restarted, sums }
}

type TheirForm = Form & { readonly first: readonly number[]; readonly version: string }

/** numpy's forms, as far as there is room for them. */
async function measureTheirs(
  measured: Measured,
  { updates, examples, headerBytes }: Blobs,
  { folder, python, runs, note }: World,
): Promise<TheirForm[]> {
  const { rule, sites, weights } = measured
  const files = updates.map(({ sha256 }) => join(folder, 'sha256', sha256.slice(0, 2), sha256))
  const numbers = { header_bytes: headerBytes, weights, examples, runs }
  const document = { files, ...numbers, trimmed: trimmedIn(sites), faulty: faultyIn(sites) }
  const told: TheirForm[] = []
  for (const form of rules[rule].forms) {
    if (!fits(bytesOf(measured), form)) {
      note(aggregateWords.noRoom(form))
      continue
    }
    const ended = await asked([python, theirs], { ...document, form })
    if ('killedBy' in ended) {
      note(aggregateWords.killed(form, ended.killedBy))
      continue
    }
    const { wholeSeconds, arithmeticSeconds, ...rest } = numpySchema.parse(ended.answer)
    const sumsGbPerSecond = arithmeticSeconds === null ? null : perSecond(bytesOf(measured), arithmeticSeconds)
    told.push({ form, gbPerSecond: perSecond(bytesOf(measured), wholeSeconds), sumsGbPerSecond, ...rest })
  }
  return told
}

async function measure(measured: Measured, world: World): Promise<AggregateRow & { version: string }> {
  const { whole, restarted, sums } = await measureOurs(measured, world)
  const told = await measureTheirs(measured, whole.written, world)
  const [fastest] = told.toSorted((a, b) => b.gbPerSecond - a.gbPerSecond)
  if (fastest === undefined)
    throw new WardroundError('WR_INTERNAL', { what: `there is no room for ${measured.rule} in numpy` })
  const own = told.find(({ form }) => form === 'average') ?? fastest
  const bytes = bytesOf(measured)
  const gbPerSecond = perSecond(bytes, whole.seconds)
  const memoryRatio = ({ peakMb }: Form): number | null => (whole.peakMb === null ? null : peakMb / whole.peakMb)
  return {
    ...measured,
    gbPerSecond,
    restartedGbPerSecond: perSecond(bytes, restarted.seconds),
    sumsGbPerSecond: sums === null ? null : perSecond(bytes, sums.seconds),
    numpyGbPerSecond: own.gbPerSecond,
    numpySumsGbPerSecond: own.sumsGbPerSecond,
    numpyForm: own.form,
    numpyPeakMb: own.peakMb,
    numpyFastestGbPerSecond: fastest.gbPerSecond,
    numpyFastestForm: fastest.form,
    numpyFastestPeakMb: fastest.peakMb,
    memcpyGbPerSecond: memcpyGbPerSecond(),
    sha256GbPerSecond: sha256GbPerSecond(),
    sealGbPerSecond: sealGbPerSecond(),
    peakMb: whole.peakMb,
    speedRatio: gbPerSecond / own.gbPerSecond,
    fastestSpeedRatio: gbPerSecond / fastest.gbPerSecond,
    memoryRatio: memoryRatio(own),
    fastestMemoryRatio: memoryRatio(fastest),
    differs: difference(whole.first, own.first),
    numpyForms: told.map(({ first: _, version: __, ...form }) => form),
    version: own.version,
  }
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? Number.NaN)))) / Math.max(...a.map(Math.abs))

/** More than this is measured once: 256 updates of 10 million weights are 10 GB. */
const runsFor = (measured: Measured): number => (bytesOf(measured) > 5e9 ? 1 : 3)

export async function aggregateBench(options: AggregateOptions): Promise<AggregateReport> {
  const { sites = [4, 32, 256], weights = 10_000_000, ruleSites = [32], ruleWeights = 1_000_000 } = options
  const { note = () => undefined } = options
  const python = pythonIn(options.environment)
  const wanted = options.rules ?? (Object.keys(rules) as RuleName[])
  const measurements = wanted.flatMap((rule): Measured[] =>
    rule === 'weightedMean'
      ? sites.map((count) => ({ rule, sites: count, weights }))
      : ruleSites.map((count) => ({ rule, sites: count, weights: ruleWeights })),
  )
  const rows: AggregateRow[] = []
  let numpyVersion = ''
  for (const measured of measurements) {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-aggregate-'))
    try {
      note(aggregateWords.running(measured))
      const runs = options.runs ?? runsFor(measured)
      const { version, ...row } = await measure(measured, { folder, python, runs, note })
      rows.push(row)
      note(aggregateWords.ran(row))
      numpyVersion = version
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { rows, numpyVersion }
}
