/** The table that hospitals want, for a terminal: local, federated and centralised beside each other, never a figure without its n. */
import { modelsOf, type NamedModel } from '../figures/groups.ts'
import { estimateIn } from '../metrics/estimates.ts'
import type { Results } from '../protocol/results.ts'
import type { MetricName } from '../study/metrics.ts'
import { tableWords } from '../words/en/table.ts'
import { leadingMetrics, shownMetrics, verdictOf } from './metrics.ts'

type Cell = { readonly text: string; readonly right?: boolean }
type Row = readonly Cell[]

/** Lines no wider than needed. `isTTY` lets the heading stand out. */
export function resultTable(results: Results, { isTTY }: { readonly isTTY: boolean }): string[] {
  const metrics = shownMetrics(results)
  const rows = [
    ...results.sites.flatMap((site) => modelRows(site.name, modelsOf(site), metrics)),
    ...modelRows(tableWords.overall(), modelsOf(results.overall), metrics),
  ]
  const header = tableWords.header(metrics, leadingMetrics).map((text): Cell => ({ text }))
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.text.length ?? 0)))
  const line = (row: Row): string =>
    row
      .map(({ text, right }, column) => (right ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  const bold = (text: string): string => (isTTY ? `\u001b[1m${text}\u001b[22m` : text)
  const names = new Set(rows.map((row) => row[0]?.text))
  const body = rows.flatMap((row, index) =>
    index > 0 && row[0]?.text !== '' && names.has(row[0]?.text) ? ['', line(row)] : [line(row)],
  )
  return [
    '',
    bold(
      tableWords.title(results.study, results.outcome, {
        contributed: results.contributed.length,
        expected: results.expected.length,
      }),
    ),
    '',
    bold(line(header)),
    ...body,
    '',
    ...verdicts(results, metrics),
    ...footer(results, metrics),
  ]
}

/** One row for each model, the name in the first only. */
const modelRows = (name: string, models: readonly NamedModel[], metrics: readonly MetricName[]): Row[] =>
  models.map(({ model, result }, index) => [
    { text: index === 0 ? name : '' },
    { text: index === 0 ? tableWords.n(result.accuracy.n) : '', right: true },
    { text: tableWords.model(model) },
    ...metrics.map((metric, place): Cell => {
      const { low, high, ...bare } = estimateIn(result, metric)
      const shown = place < leadingMetrics ? { ...bare, low, high } : { ...bare, low: null, high: null }
      return { text: tableWords.estimate(metric, shown), right: true }
    }),
  ])

/** A sentence for each hospital that has a verdict, or whose figures are hidden. */
const verdicts = ({ sites }: Results, metrics: readonly MetricName[]): string[] =>
  sites.flatMap(({ name, nTest, difference }) => {
    if (nTest === null) return [tableWords.hiddenAt(name)]
    const told = metrics.flatMap((metric) => {
      const verdict = verdictOf(metric, estimateIn(difference, metric))
      return verdict === undefined ? [] : [{ metric, verdict }]
    })
    return told.length === 0 ? [] : [tableWords.verdict(name, told)]
  })

function footer(results: Results, metrics: readonly MetricName[]): string[] {
  return [
    '',
    tableWords.rounds(results.rounds.length, results.bestRound, results.stoppedBecause),
    tableWords.traffic(results.bytesUp, results.bytesDown),
    tableWords.weights(results.weightsSha256),
    tableWords.plan(results.planHash),
    tableWords.method(metrics),
    '',
  ]
}
