/** The aggregation benchmark's rows as a table. */
import { aligned } from '../figures.ts'
import type { AggregateReport } from './aggregate.ts'
import { aggregateWords } from './words.ts'

export function aggregateTable({ rows, numpyVersion }: AggregateReport): string {
  const { figure, megabytes, ratio } = aggregateWords
  const lines = rows.map((row) => [
    row.rule,
    String(row.sites),
    row.weights.toLocaleString('en'),
    figure(row.gbPerSecond),
    figure(row.restartedGbPerSecond),
    figure(row.sumsGbPerSecond),
    megabytes(row.peakMb),
    row.numpyForm,
    figure(row.numpyGbPerSecond),
    figure(row.numpySumsGbPerSecond),
    megabytes(row.numpyPeakMb),
    ratio(row.speedRatio),
    ratio(row.memoryRatio),
    row.numpyFastestForm,
    figure(row.numpyFastestGbPerSecond),
    megabytes(row.numpyFastestPeakMb),
    ratio(row.fastestSpeedRatio),
    ratio(row.fastestMemoryRatio),
    figure(row.memcpyGbPerSecond),
    figure(row.sha256GbPerSecond),
    figure(row.sealGbPerSecond),
  ])
  const forms = rows.flatMap(({ sites, numpyForm, numpyFastestForm, numpyForms }) =>
    numpyForms
      .filter(({ form }) => form !== numpyForm && form !== numpyFastestForm)
      .map((form) => aggregateWords.form(sites, form)),
  )
  return [
    aggregateWords.heading(),
    '',
    ...aligned([aggregateWords.columns(), ...lines], 1),
    '',
    ...aggregateWords.notes(numpyVersion, forms),
  ].join('\n')
}
