import { type Bench, defined, list, text } from '../bench.ts'
import { exportsBench } from './exports.ts'
import { exportsTable } from './table.ts'
import { exportsWords } from './words.ts'

export const bench: Bench = {
  about: exportsWords.about(),
  options: { only: { type: 'string' }, environment: { type: 'string' }, out: { type: 'string' } },
  async run(given, { note, signal }) {
    const report = await exportsBench({
      ...defined({ only: list(given, 'only'), environment: text(given, 'environment'), out: text(given, 'out') }),
      note,
      signal,
    })
    return { document: report, table: exportsTable(report), missed: report.trained < report.wanted }
  },
}
