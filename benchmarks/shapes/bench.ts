import { type Bench, count, defined, text } from '../bench.ts'
import { shapesBench } from './shapes.ts'
import { shapesTable } from './table.ts'
import { shapesWords } from './words.ts'

export const bench: Bench = {
  about: shapesWords.about(),
  options: { cases: { type: 'string' }, seed: { type: 'string' }, environment: { type: 'string' } },
  async run(given, { note }) {
    const report = await shapesBench({
      ...defined({
        cases: count(given, 'cases'),
        seed: count(given, 'seed'),
        environment: text(given, 'environment'),
      }),
      note,
    })
    return { document: report, table: shapesTable(report) }
  },
}
