import { type Bench, count, defined, list, text } from '../bench.ts'
import { peersBench, peersTable } from './peers.ts'
import { peersWords } from './words.ts'

export const bench: Bench = {
  about: peersWords.about(),
  options: {
    rounds: { type: 'string' },
    runs: { type: 'string' },
    threads: { type: 'string' },
    only: { type: 'string' },
    data: { type: 'string' },
    environment: { type: 'string' },
    out: { type: 'string' },
  },
  async run(given, { signal, note }) {
    const report = await peersBench({
      ...defined({ rounds: count(given, 'rounds'), runs: count(given, 'runs'), out: text(given, 'out') }),
      ...defined({ data: text(given, 'data'), environment: text(given, 'environment') }),
      ...defined({ threads: list(given, 'threads'), only: list(given, 'only') }),
      note,
      signal,
    })
    return { document: report, table: peersTable(report) }
  },
}
