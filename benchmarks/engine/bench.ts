import { WardroundError } from '@wardround/core/errors.ts'
import { type Bench, count, counts, defined, type Given, list, text } from '../bench.ts'
import { cases } from './cases.ts'
import { engineBench } from './engine.ts'
import { engineProfile } from './profile.ts'
import { engineTable, profileTable } from './table.ts'
import { engineWords } from './words.ts'

export const bench: Bench = {
  about: engineWords.about(),
  options: {
    cases: { type: 'string' },
    threads: { type: 'string' },
    runs: { type: 'string' },
    environment: { type: 'string' },
    profile: { type: 'boolean' },
  },
  async run(given, world) {
    const named = defined({ cases: namesOf(given) })
    if (given.profile === true) {
      const rows = await engineProfile({ ...named, ...world })
      return { document: { rows }, table: profileTable(rows) }
    }
    const report = await engineBench({
      ...named,
      ...defined({ threads: counts(given, 'threads') }),
      ...defined({ runs: count(given, 'runs'), environment: text(given, 'environment') }),
      ...world,
    })
    return { document: report, table: engineTable(report) }
  },
}

/** Errors: WR_USAGE for a case that there is not. */
function namesOf(given: Given): string[] | undefined {
  const known = cases.map(({ name }) => name)
  const names = list(given, 'cases')
  const stranger = names?.find((name) => !known.includes(name))
  if (stranger === undefined) return names
  throw new WardroundError('WR_USAGE', { problem: engineWords.unknownCase(stranger, known), command: 'bench' })
}
