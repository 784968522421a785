import { type Bench, count, counts, defined } from '../bench.ts'
import { memoryBench, memoryTable } from './memory.ts'
import { memoryWords } from './words.ts'

export const bench: Bench = {
  about: memoryWords.about(),
  options: {
    sites: { type: 'string' },
    weights: { type: 'string' },
    rounds: { type: 'string' },
    'site-weights': { type: 'string' },
  },
  async run(given, { signal, note }) {
    const report = await memoryBench({
      ...defined({ sites: counts(given, 'sites'), weights: counts(given, 'weights'), rounds: count(given, 'rounds') }),
      ...defined({ siteWeights: count(given, 'site-weights') }),
      note,
      signal,
    })
    return { document: report, table: memoryTable(report) }
  },
}
