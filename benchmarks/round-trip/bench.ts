import { type Bench, count, counts, defined } from '../bench.ts'
import { roundTripBench, roundTripTable } from './round-trip.ts'
import { roundTripWords } from './words.ts'

export const bench: Bench = {
  about: roundTripWords.about(),
  options: { sites: { type: 'string' }, weights: { type: 'string' }, rounds: { type: 'string' } },
  async run(given, { signal, note }) {
    const report = await roundTripBench({
      ...defined({ sites: counts(given, 'sites'), rounds: count(given, 'rounds'), weights: counts(given, 'weights') }),
      note,
      signal,
    })
    return { document: report, table: roundTripTable(report) }
  },
}
