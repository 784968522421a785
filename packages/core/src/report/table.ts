/** The table that hospitals want, for a terminal: local, federated and centralised beside each other, never a figure without its n. */
import type { Estimate } from '../metrics/schema.ts'
import type { Results, SiteResult } from '../protocol/results.ts'
import type { ModelResult } from '../protocol/task.ts'
import { tableWords } from '../words/en/table.ts'

type Cell = { readonly text: string; readonly right?: boolean }
type Row = readonly Cell[]

/** Lines no wider than needed. `isTTY` lets the heading stand out. */
export function resultTable(results: Results, { isTTY }: { readonly isTTY: boolean }): string[] {
  const rows = [...results.sites.flatMap((site) => siteRows(site)), ...modelRows(tableWords.overall(), results.overall)]
  const header = tableWords.header().map((text): Cell => ({ text }))
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
    ...verdicts(results),
    ...footer(results),
  ]
}

type Models = { readonly local: ModelResult; readonly federated: ModelResult; readonly centralised: ModelResult | null }

const siteRows = (site: SiteResult): Row[] => modelRows(site.name, site)

/** One row for each model, the name in the first only. */
function modelRows(name: string, models: Models): Row[] {
  const entries = [
    [tableWords.local(), models.local],
    [tableWords.federated(), models.federated],
    ...(models.centralised === null ? [] : [[tableWords.centralised(), models.centralised] as const]),
  ] as const
  return entries.map(([model, { accuracy, auroc, brier }], index) => [
    { text: index === 0 ? name : '' },
    { text: index === 0 ? (accuracy.n === null ? tableWords.hidden() : String(accuracy.n)) : '', right: true },
    { text: model },
    { text: withInterval(accuracy), right: true },
    { text: withInterval(auroc), right: true },
    { text: figure(brier.value), right: true },
  ])
}

const figure = (value: number | null): string => (value === null ? tableWords.none() : value.toFixed(3))

export const withInterval = ({ value, low, high }: Estimate): string =>
  value === null
    ? tableWords.none()
    : low === null || high === null
      ? figure(value)
      : `${figure(value)} (${figure(low)}–${figure(high)})`

/** Better or worse only where the paired interval leaves zero out. */
export function verdictOf({ low, high }: Estimate, better: 'higher' | 'lower'): 'better' | 'worse' | 'unclear' {
  if (low === null || high === null || (low <= 0 && high >= 0)) return 'unclear'
  return low > 0 === (better === 'higher') ? 'better' : 'worse'
}

const verdicts = ({ sites }: Results): string[] =>
  sites.map(({ name, difference }) =>
    tableWords.verdict(name, {
      accuracy: verdictOf(difference.accuracy, 'higher'),
      auroc: verdictOf(difference.auroc, 'higher'),
      brier: verdictOf(difference.brier, 'lower'),
    }),
  )

function footer(results: Results): string[] {
  return [
    '',
    tableWords.rounds(results.rounds.length, results.bestRound, results.stoppedBecause),
    tableWords.traffic(results.bytesUp, results.bytesDown),
    tableWords.weights(results.weightsSha256),
    tableWords.plan(results.planHash),
    tableWords.method(),
    '',
  ]
}
