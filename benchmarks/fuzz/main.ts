/** `npm run fuzz`: every boundary in turn, as a table for people or, with --json, as one document with `rows`. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { aligned } from '../figures.ts'
import { boundaries, boundariesNamed } from './boundaries/all.ts'
import type { ChildReport } from './child.ts'
import { watched } from './watch.ts'
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

function table(reports: readonly ChildReport[]): string[] {
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
  const reports: ChildReport[] = []
  for (const { name } of chosen) {
    process.stderr.write(`${fuzzWords.running(name)}\n`)
    const replay = values.replay === undefined ? {} : { replay: values.replay }
    const task = { boundary: name, inputs, seed, folder, keep: values.keep, ...replay }
    const report = await watched(task, interrupted.signal)
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
