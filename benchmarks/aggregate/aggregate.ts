/** `npm run bench -- aggregate`: updates into one, ours and numpy's from the same files, each in a process of its own. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import { aligned } from '../figures.ts'
import { type Blobs, writeBlobs } from './data.ts'
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
  /** GB (10^9 bytes) of updates a second: the whole path, and its arithmetic alone. */
  readonly gbPerSecond: number
  readonly sumsGbPerSecond: number | null
  /** Of numpy's fastest form. */
  readonly numpyGbPerSecond: number
  readonly numpySumsGbPerSecond: number | null
  readonly numpyForm: string
  readonly memcpyGbPerSecond: number
  readonly sha256GbPerSecond: number
  readonly peakMb: number | null
  readonly numpyPeakMb: number
  /** Ours by numpy's. */
  readonly speedRatio: number
  /** numpy's by ours. */
  readonly memoryRatio: number | null
  /** The largest difference of the first four weights, as numpy's fastest form has them, by their size. */
  readonly differs: number
  readonly numpyForms: readonly Form[]
}

export type AggregateReport = { readonly rows: readonly AggregateRow[]; readonly numpyVersion: string }

const toldSchema = z.object({ seconds: z.array(z.number()), peakMb: z.number().nullable(), first: z.array(z.number()) })
const numpySchema = z.object({
  wholeSeconds: z.array(z.number()),
  arithmeticSeconds: z.array(z.number()).nullable(),
  peakMb: z.number(),
  first: z.array(z.number()),
  version: z.string(),
})

/** A process that reads one document and writes one. Errors: WR_INTERNAL where it fails. */
async function asked(command: readonly [string, ...string[]], document: object): Promise<unknown> {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.stdin.end(JSON.stringify(document))
  const answer = await text(child.stdout)
  const code = await ended
  if (code !== 0) throw new WardroundError('WR_INTERNAL', { what: `${args[0]} ended with ${code}` })
  return JSON.parse(answer)
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

/** GB hashed a second on one core, the best of ten: what the whole path cannot be faster than. */
function sha256GbPerSecond(): number {
  const bytes = new Uint8Array(1 << 25).fill(1)
  const times = Array.from({ length: 10 }, () => {
    const start = performance.now()
    createHash('sha256').update(bytes).digest()
    return performance.now() - start
  })
  return bytes.length / Math.min(...times) / 1e6
}

type Measured = { readonly rule: RuleName; readonly sites: number; readonly weights: number }
type World = { readonly folder: string; readonly blobs: Blobs; readonly python: string; readonly runs: number }

/** What all updates take, with what numpy makes of them beside it: where that is more than is free, a form that holds them all is left out. */
const fits = (bytes: number, form: string): boolean =>
  form.startsWith('running') || bytes * (heldTimes[form] ?? 1) < freemem()
const heldTimes: Readonly<Record<string, number>> = {
  matmul: 1.2,
  average: 2.2,
  flower: 2.2,
  median: 2.2,
  trimmedMean: 2.2,
  krum: 1.2,
  geometricMedian: 2.2,
}

async function measure({ rule, sites, weights }: Measured, world: World): Promise<AggregateRow & { version: string }> {
  const { folder, blobs, python, runs } = world
  const { global, headerBytes } = blobs
  const [updates, examples] = [blobs.updates.slice(0, sites), blobs.examples.slice(0, sites)]
  const bytes = 4 * weights * sites
  const perSecond = (seconds: readonly number[]): number => bytes / Math.min(...seconds) / 1e9
  const { strategy, forms } = rules[rule]
  const run = async (part: Asked['part']): Promise<Told> => {
    const document: Asked = { folder, global, updates, examples, weights, strategy, part, runs }
    return toldSchema.parse(await asked([process.execPath, ours], document))
  }
  const whole = await run('whole')
  const sums = fits(bytes, 'matmul') ? await run('arithmetic') : null
  const files = updates.map(({ sha256 }) => join(folder, 'sha256', sha256.slice(0, 2), sha256))
  const common = {
    files,
    header_bytes: headerBytes,
    weights,
    examples,
    runs,
    trimmed: trimmedIn(sites),
    faulty: faultyIn(sites),
  }
  const told: (Form & { readonly first: readonly number[]; readonly version: string })[] = []
  for (const form of forms.filter((name) => fits(bytes, name))) {
    const { wholeSeconds, arithmeticSeconds, ...rest } = numpySchema.parse(
      await asked([python, theirs], { ...common, form }),
    )
    const sumsGbPerSecond = arithmeticSeconds === null ? null : perSecond(arithmeticSeconds)
    told.push({ form, gbPerSecond: perSecond(wholeSeconds), sumsGbPerSecond, ...rest })
  }
  const [fastest] = told.toSorted((a, b) => b.gbPerSecond - a.gbPerSecond)
  if (fastest === undefined) throw new WardroundError('WR_INTERNAL', { what: `there is no room for ${rule} in numpy` })
  const gbPerSecond = perSecond(whole.seconds)
  return {
    rule,
    sites,
    weights,
    gbPerSecond,
    sumsGbPerSecond: sums === null ? null : perSecond(sums.seconds),
    numpyGbPerSecond: fastest.gbPerSecond,
    numpySumsGbPerSecond: fastest.sumsGbPerSecond,
    numpyForm: fastest.form,
    memcpyGbPerSecond: memcpyGbPerSecond(),
    sha256GbPerSecond: sha256GbPerSecond(),
    peakMb: whole.peakMb,
    numpyPeakMb: fastest.peakMb,
    speedRatio: gbPerSecond / fastest.gbPerSecond,
    memoryRatio: whole.peakMb === null ? null : fastest.peakMb / whole.peakMb,
    differs: difference(whole.first, fastest.first),
    numpyForms: told.map(({ first: _, version: __, ...form }) => form),
    version: fastest.version,
  }
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? Number.NaN)))) / Math.max(...a.map(Math.abs))

/** Rows of one size of model: the updates of the largest are written once, and the others are its first ones. */
export async function aggregateBench(options: AggregateOptions): Promise<AggregateReport> {
  const { sites = [4, 32, 256], weights = 10_000_000, ruleSites = [32], ruleWeights = 1_000_000, runs = 3 } = options
  const { note = () => undefined } = options
  const wanted = options.rules ?? (Object.keys(rules) as RuleName[])
  const python = pythonIn(options.environment)
  const robust = wanted.filter((rule) => rule !== 'weightedMean')
  const groups = [
    { weights, sites, rules: wanted.filter((rule) => rule === 'weightedMean') },
    { weights: ruleWeights, sites: ruleSites, rules: robust },
  ].filter((group) => group.rules.length > 0)
  const rows: AggregateRow[] = []
  let numpyVersion = ''
  for (const group of groups) {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-aggregate-'))
    try {
      const most = Math.max(...group.sites)
      note(aggregateWords.writing(most, group.weights))
      const blobs = await writeBlobs(folder, { sites: most, weights: group.weights })
      for (const rule of group.rules)
        for (const count of group.sites) {
          note(aggregateWords.running(rule, count))
          const measured = { rule, sites: count, weights: group.weights }
          const { version, ...row } = await measure(measured, { folder, blobs, python, runs })
          rows.push(row)
          note(aggregateWords.ran(row))
          numpyVersion = version
        }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { rows, numpyVersion }
}

export function aggregateTable({ rows, numpyVersion }: AggregateReport): string {
  const { figure, megabytes, ratio } = aggregateWords
  const lines = rows.map((row) => [
    row.rule,
    String(row.sites),
    row.weights.toLocaleString('en'),
    figure(row.gbPerSecond),
    figure(row.sumsGbPerSecond),
    figure(row.numpyGbPerSecond),
    figure(row.numpySumsGbPerSecond),
    row.numpyForm,
    figure(row.memcpyGbPerSecond),
    figure(row.sha256GbPerSecond),
    megabytes(row.peakMb),
    megabytes(row.numpyPeakMb),
    ratio(row.speedRatio),
    ratio(row.memoryRatio),
  ])
  const forms = rows.flatMap(({ sites, numpyForm, numpyForms }) =>
    numpyForms.filter(({ form }) => form !== numpyForm).map((form) => aggregateWords.form(sites, form)),
  )
  return [
    aggregateWords.heading(),
    '',
    ...aligned([aggregateWords.columns(), ...lines], 1),
    '',
    ...aggregateWords.notes(numpyVersion, forms),
  ].join('\n')
}
