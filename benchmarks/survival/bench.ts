import { type Bench, defined, text } from '../bench.ts'
import { survivalBench } from './survival.ts'
import { survivalTable } from './table.ts'
import { survivalBenchWords } from './words.ts'

export const bench: Bench = {
  about: survivalBenchWords.about(),
  options: { data: { type: 'string' }, environment: { type: 'string' } },
  async run(given, world) {
    const report = await survivalBench({
      ...defined({ data: text(given, 'data'), environment: text(given, 'environment') }),
      ...world,
    })
    return { document: report, table: survivalTable(report) }
  },
}
