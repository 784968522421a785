import { type Bench, count, defined } from '../bench.ts'
import { loadBench } from './load.ts'
import { loadTable } from './table.ts'
import { loadWords } from './words.ts'

export const bench: Bench = {
  about: loadWords.about(),
  options: {
    seconds: { type: 'string' },
    sites: { type: 'string' },
    watchers: { type: 'string' },
    studies: { type: 'string' },
  },
  async run(given, { signal, note }) {
    const report = await loadBench({
      ...defined({ seconds: count(given, 'seconds'), sites: count(given, 'sites') }),
      ...defined({ watchers: count(given, 'watchers'), studies: count(given, 'studies') }),
      note,
      signal,
    })
    return { document: report, table: loadTable(report), missed: report.missed.length > 0 }
  },
}
