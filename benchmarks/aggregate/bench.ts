import { WardroundError } from '@wardround/core/errors.ts'
import { type Bench, count, counts, defined, type Given, list, text } from '../bench.ts'
import { aggregateBench } from './aggregate.ts'
import { type RuleName, rules } from './rules.ts'
import { aggregateTable } from './table.ts'
import { aggregateWords } from './words.ts'

export const bench: Bench = {
  about: aggregateWords.about(),
  options: {
    sites: { type: 'string' },
    weights: { type: 'string' },
    rules: { type: 'string' },
    'rule-sites': { type: 'string' },
    'rule-weights': { type: 'string' },
    runs: { type: 'string' },
    environment: { type: 'string' },
  },
  async run(given, { note }) {
    const report = await aggregateBench({
      ...defined({ sites: counts(given, 'sites'), weights: count(given, 'weights'), rules: namesOf(given) }),
      ...defined({ ruleSites: counts(given, 'rule-sites'), ruleWeights: count(given, 'rule-weights') }),
      ...defined({ runs: count(given, 'runs'), environment: text(given, 'environment') }),
      note,
    })
    return { document: report, table: aggregateTable(report) }
  },
}

const isRule = (name: string): name is RuleName => Object.hasOwn(rules, name)

/** Errors: WR_USAGE for a rule that there is not. */
const namesOf = (given: Given): RuleName[] | undefined =>
  list(given, 'rules')?.map((name) => {
    if (isRule(name)) return name
    const problem = aggregateWords.unknownRule(name, Object.keys(rules))
    throw new WardroundError('WR_USAGE', { problem, command: 'bench' })
  })
