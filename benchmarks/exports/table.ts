/** The exports' rows as a table. */
import { aligned } from '../figures.ts'
import type { ExportsReport } from './exports.ts'
import { exportsWords } from './words.ts'

export function exportsTable({ rows, versions, trained, wanted, kerasProblem }: ExportsReport): string {
  const { error, count, milliseconds } = exportsWords
  const lines = rows.map((row) => [
    row.model,
    row.way,
    ...[row.parameters, row.missing, row.nodes].map(count),
    ...[row.lossError, row.updateError, row.statisticsError, row.predictionError].map(error),
    count(row.undecided),
    ...[row.exactError, row.torchExactError].map(error),
    ...[row.ms, row.torchMs, row.startMs].map(milliseconds),
  ])
  return [
    exportsWords.heading(versions),
    '',
    ...aligned([exportsWords.columns(), ...lines], 2),
    '',
    ...rows.flatMap(({ model, way, problem }) =>
      problem === null ? [] : [exportsWords.refused(`${model}, ${way}`, problem)],
    ),
    ...(kerasProblem === null ? [] : [kerasProblem]),
    ...exportsWords.notes({ trained, wanted }),
  ].join('\n')
}
