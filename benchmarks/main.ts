/** `npm run bench -- NAME`: a benchmark, as a table for people or, with --json, as one document with `rows`. */
import { parseArgs } from 'node:util'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { peersBench, peersTable } from './peers/peers.ts'
import { roundTripBench, roundTripTable } from './round-trip/round-trip.ts'
import { benchWords } from './words.ts'

type Bench = {
  readonly about: string
  run(options: Options, signal: AbortSignal): Promise<{ readonly document: object; readonly table: string }>
}

const options = {
  sites: { type: 'string' },
  weights: { type: 'string' },
  json: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  runs: { type: 'string' },
  threads: { type: 'string' },
  only: { type: 'string' },
  data: { type: 'string' },
  environment: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const
type Options = ReturnType<typeof parsed>['values']

const benches: Readonly<Record<string, Bench>> = {
  peers: {
    about: benchWords.peers(),
    async run({ rounds, runs, threads, only, data, environment, out }, signal) {
      const report = await peersBench({
        ...defined({ rounds: countOf('rounds', rounds), runs: countOf('runs', runs), data, environment, out }),
        ...defined({ threads: threads?.split(','), only: only?.split(',') }),
        note: (line) => process.stderr.write(`${line}\n`),
        signal,
      })
      return { document: report, table: peersTable(report) }
    },
  },
  'round-trip': {
    about: benchWords.roundTrip(),
    async run({ sites, weights, rounds }, signal) {
      const report = await roundTripBench({
        ...defined({ sites: countOf('sites', sites), rounds: countOf('rounds', rounds) }),
        ...defined({ weights: weights?.split(',').map((text) => countOf('weights', text) ?? 0) }),
        note: (line) => process.stderr.write(`${line}\n`),
        signal,
      })
      return { document: report, table: roundTripTable(report) }
    },
  },
}

function parsed() {
  return parseArgs({ options, allowPositionals: true })
}

/** Without what was not given. */
const defined = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new WardroundError('WR_USAGE', { problem: benchWords.noCount(name, text), command: 'bench' })
  return count
}

async function main(): Promise<number> {
  const { values, positionals } = parsed()
  const [name = ''] = positionals
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  if (values.help || bench === undefined) {
    const list = Object.entries(benches).map(([known, { about }]) => benchWords.entry(known, about))
    process.stderr.write(`${[...benchWords.usage(), ...list].join('\n')}\n`)
    return values.help ? 0 : 2
  }
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
  const { document, table } = await bench.run(values, interrupted.signal)
  process.stdout.write(values.json ? `${JSON.stringify(document)}\n` : `${table}\n`)
  return interrupted.signal.aborted ? 130 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  const { code, sentences, exitCode } = asWardroundError(error)
  process.stderr.write(`${code}: ${sentences.what}\n  ${sentences.why}\n  ${sentences.next}\n`)
  process.exitCode = exitCode
}
