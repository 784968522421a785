/** `npm run fuzz`: every boundary in turn, as a table for people or, with --json, as one document with `rows`. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { aligned } from '../figures.ts'
import { boundaries, boundariesNamed } from './boundaries/all.ts'
import type { Boundary } from './boundary.ts'
import type { ChildReport, ChildTask } from './child.ts'
import { readInputs, writeInputs } from './inputs.ts'
import { watched } from './watch.ts'
import { weighed } from './weigh.ts'
import { fuzzWords } from './words.ts'

const options = {
  inputs: { type: 'string', default: '100000' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  replay: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

const usage = (problem: string): WardroundError => new WardroundError('WR_USAGE', { problem, command: 'fuzz' })

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usage(fuzzWords.noNumber(name, text))
  return Number(text)
}

/** What the most was that one input needed, alone in a process. */
type Report = ChildReport & {
  readonly alone?: { readonly inputs: number; readonly megabytes: number; readonly ms: number }
}

function table(reports: readonly Report[]): string[] {
  const rows = reports.map((report) => [
    report.boundary,
    String(report.inputs),
    String(report.accepted),
    String(Object.values(report.refused).reduce((sum, count) => sum + count, 0)),
    report.slowestMs.toFixed(0),
    report.peakMb.toFixed(0),
    report.heldMb.toFixed(1),
    String(report.corpus),
    String(report.covered),
    String(report.covered - report.coveredBefore),
    report.alone?.megabytes.toFixed(0) ?? '',
    report.alone?.ms.toFixed(0) ?? '',
  ])
  const [heading = '', ...lines] = aligned([fuzzWords.columns(), ...rows], 1)
  const codes = reports.map(({ refused }) => fuzzWords.codes(refused))
  const told = lines.flatMap((line, index) => [line, ...(codes[index] === '' ? [] : [`    ${codes[index]}`])])
  return [heading, ...told, '', ...fuzzWords.notes()]
}

const findingsIn = (reports: readonly ChildReport[], seed: number): string[] =>
  reports.flatMap(({ boundary, findings }) =>
    findings.flatMap(({ why, file }) => [
      fuzzWords.finding(boundary, why),
      ...(file === '' ? [] : [fuzzWords.replay(boundary, seed, file)]),
    ]),
  )

/** One boundary: many inputs in one process, then some of them in one each. undefined where it was interrupted. */
async function reportOn(boundary: Boundary, task: ChildTask, signal: AbortSignal): Promise<Report | undefined> {
  const report = await watched(task, signal)
  if (report === undefined || boundary.alone === undefined) return report
  const own =
    task.replay === undefined ? [...boundary.alone.hostile(), ...readInputs(report.kept)] : readInputs(task.replay)
  process.stderr.write(`${fuzzWords.weighing(own.length)}\n`)
  const alone = await weighed(boundary, { inputs: own, folder: task.folder, signal })
  if (alone === undefined) return undefined
  const findings = alone.findings.map(({ why, input }, index) => {
    const file = join(task.folder, `${boundary.name}-${task.seed}-alone-${index + 1}.txt`)
    writeInputs(file, [input])
    return { why, file }
  })
  const { inputs, megabytes, ms } = alone
  return { ...report, alone: { inputs, megabytes, ms }, findings: [...report.findings, ...findings] }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [inputs, seed] = [whole('inputs', values.inputs), whole('seed', values.seed)]
  const chosen = boundariesNamed(positionals)
  if (values.help) {
    const list = boundaries.map(({ name }) => fuzzWords.entry(name))
    process.stderr.write(`${[...fuzzWords.usage(), ...list].join('\n')}\n`)
    return 0
  }
  if (chosen.length === 0) throw usage(fuzzWords.noBoundary(positionals))
  if (values.replay !== undefined && chosen.length > 1) throw usage(fuzzWords.oneBoundary())
  const folder = mkdtempSync(join(tmpdir(), 'wardround-fuzz-'))
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
  const reports: Report[] = []
  for (const boundary of chosen) {
    const { name } = boundary
    process.stderr.write(`${fuzzWords.running(name)}\n`)
    const replay = values.replay === undefined ? {} : { replay: values.replay }
    const task = { boundary: name, inputs, seed, folder, keep: values.keep, ...replay }
    const report = await reportOn(boundary, task, interrupted.signal)
    if (report === undefined) break
    reports.push(report)
  }
  const found = findingsIn(reports, seed)
  if (values.json) process.stdout.write(`${JSON.stringify({ seed, rows: reports })}\n`)
  else process.stdout.write(`${[...table(reports), '', ...found].join('\n')}\n`)
  const total = reports.reduce((sum, report) => sum + report.inputs, 0)
  const count = reports.reduce((sum, { findings }) => sum + findings.length, 0)
  process.stderr.write(`${count === 0 ? fuzzWords.clean(reports.length, total) : fuzzWords.found(count)}\n`)
  if (interrupted.signal.aborted) return 130
  return count === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const { code, sentences, exitCode } = asWardroundError(error)
  process.stderr.write(`${code}: ${sentences.what}\n  ${sentences.why}\n  ${sentences.next}\n`)
  process.exitCode = exitCode
}
