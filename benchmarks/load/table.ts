/** The report of a load for a person. */
import { aligned } from '../figures.ts'
import type { LoadReport } from './load.ts'
import { loadWords } from './words.ts'

export function loadTable(report: LoadReport): string {
  const { figure } = loadWords
  const lines = report.rows.map(({ route, calls, p50Ms, p99Ms, maxMs, errors }) => [
    route,
    figure(calls),
    figure(p50Ms, 1),
    figure(p99Ms, 1),
    figure(maxMs, 1),
    figure(errors),
  ])
  return [
    loadWords.heading(report),
    '',
    ...aligned([loadWords.columns(), ...lines], 1),
    '',
    ...loadWords.facts(report),
    '',
    ...(report.missed.length === 0 ? [loadWords.met()] : report.missed),
  ].join('\n')
}
