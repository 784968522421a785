/** Small hospitals, and the real programs: what tests of whole federations are made of. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { realWorld } from '../packages/cli/src/world.ts'
import { root } from './repository.ts'

export const { clock, disk, ed25519, entropy } = realWorld
export const version = '0.1.0'

/** A folder that is gone when the test process ends. */
export function scratch(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `wardround-${name}-`))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const smallStudy = (change = ''): string => `
wardround: 1
name: small
question: Is it?
data:
  patient: who
  target: { column: ill, positive: "> 0" }
  columns:
    age: { type: number, unit: a, range: [0, 120] }
    lactate: { type: number, unit: mmol/L, range: [0, 30] }
    sex: { type: category, values: { f: female, m: male } }
  split: { test: 0.3, stratify: target }
  minimumCohort: 5
model: { layers: [ { dense: 4, activation: tanh }, { dense: 1, name: output } ], personal: [output.bias] }
training: { loss: binaryCrossEntropy, optimizer: { adam: { rate: 0.02 } }, batch: 16, epochs: 2 }
strategy: { fedAvg: {} }
rounds: { maximum: 3, quorum: 2, deadline: 20s }
${change}`

export const parsedSmall = (change = '', quorum = 2) =>
  parseStudy(smallStudy(change).replace('quorum: 2', `quorum: ${quorum}`))

/** So many rounds, and time enough for each whatever happens. */
export const parsedLong = (rounds: number) =>
  parseStudy(smallStudy().replace('maximum: 3', `maximum: ${rounds}`).replace('20s', '10m'))

/** The same with a model of 55 KB. */
export const parsedWide = (rounds: number) =>
  parseStudy(
    smallStudy().replace('dense: 4', 'dense: 2000').replace('maximum: 3', `maximum: ${rounds}`).replace('20s', '10m'),
  )

/** 80 patients with a signal, as CSV. `mark` makes every value of this hospital recognisable. */
export function smallTable(
  site: string,
  { patients = 80, mark = 0 }: { patients?: number; mark?: number } = {},
): string {
  const random = seededRandom(['small', site])
  const rows = Array.from({ length: patients }, (_, index) => {
    const ill = random.uniform() < 0.4 ? 1 : 0
    const age = (30 + 40 * random.uniform() + 10 * ill + mark).toFixed(5)
    const lactate = (1 + 2 * random.uniform() + 1.5 * ill + mark / 10).toFixed(5)
    return `${site}-patient-${index},${ill},${age},${lactate},${random.uniform() < 0.5 ? 'f' : 'm'}`
  })
  return `who,ill,age,lactate,sex\n${rows.join('\n')}\n`
}

/** A hospital's folder with its table and site.yaml. */
export function hospital(
  folder: string,
  table: string,
  config = 'data: { file: data.csv }\npolicy: { minimumCohort: 5 }\n',
): string {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'data.csv'), table)
  writeFileSync(join(folder, 'site.yaml'), config)
  return folder
}

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** `wardround …` as a process of its own. */
export function wardround(
  args: readonly string[],
  { env = {}, timeoutMs = 60_000 }: { env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [join(root, 'packages/cli/src/main.ts'), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve) =>
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    }),
  )
}

export type Running = {
  readonly pid: number
  readonly output: () => string /** The first line on stdout. */
  readonly firstLine: Promise<string>
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** A program that goes on until it is stopped. */
export function started(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [join(root, 'packages/cli/src/main.ts'), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let out = ''
  const { promise, resolve } = Promise.withResolvers<string>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    out += text
    if (out.includes('\n')) resolve(out.slice(0, out.indexOf('\n')))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = new Promise<number | null>((done) => child.on('close', done))
  process.on('exit', () => child.kill('SIGKILL'))
  return {
    pid: child.pid ?? 0,
    output: () => output,
    firstLine: promise,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

/** The one JSON document that a command printed. */
export const document = <T = Record<string, unknown>>({ stdout, stderr }: Ran): T => {
  try {
    return JSON.parse(stdout) as T
  } catch (error) {
    throw new Error(`not one JSON document: ${stdout.slice(0, 500)} / ${stderr.slice(0, 500)}`, { cause: error })
  }
}
