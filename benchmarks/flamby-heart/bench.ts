import { type Bench, count, defined, list, text } from '../bench.ts'
import { chooseAnew, chosenTable, flambyHeartBench, flambyHeartTable } from './flamby-heart.ts'
import { flambyHeartWords } from './words.ts'

export const bench: Bench = {
  about: flambyHeartWords.about(),
  options: {
    only: { type: 'string' },
    seeds: { type: 'string' },
    data: { type: 'string' },
    choose: { type: 'boolean' },
  },
  async run(given, world) {
    const options = {
      ...defined({ only: list(given, 'only'), seeds: count(given, 'seeds'), data: text(given, 'data') }),
      ...world,
    }
    if (given.choose === true) {
      const chosen = await chooseAnew(options)
      return { document: { rows: chosen.tried, ...chosen }, table: chosenTable(chosen) }
    }
    const report = await flambyHeartBench(options)
    return { document: report, table: flambyHeartTable(report) }
  },
}
