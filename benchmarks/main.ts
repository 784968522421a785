/** `npm run bench -- NAME`: a benchmark, as a table for people or, with --json, as one document with `rows`. */
import { parseArgs } from 'node:util'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { bench as aggregate } from './aggregate/bench.ts'
import type { Bench } from './bench.ts'
import { bench as byzantine } from './byzantine/bench.ts'
import { bench as engine } from './engine/bench.ts'
import { bench as exports } from './exports/bench.ts'
import { bench as flambyHeart } from './flamby-heart/bench.ts'
import { bench as load } from './load/bench.ts'
import { bench as memory } from './memory/bench.ts'
import { bench as peers } from './peers/bench.ts'
import { bench as roundTrip } from './round-trip/bench.ts'
import { bench as shapes } from './shapes/bench.ts'
import { bench as survival } from './survival/bench.ts'
import { bench as webgpu } from './webgpu/bench.ts'
import { benchWords } from './words.ts'

const benches: Readonly<Record<string, Bench>> = {
  aggregate,
  byzantine,
  engine,
  exports,
  'flamby-heart': flambyHeart,
  load,
  memory,
  peers,
  'round-trip': roundTrip,
  shapes,
  survival,
  webgpu,
}

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  if (bench === undefined) {
    const list = Object.entries(benches).map(([known, { about }]) => benchWords.entry(known, about))
    process.stderr.write(`${[...benchWords.usage(), ...list].join('\n')}\n`)
    return name === '--help' ? 0 : 2
  }
  const { json, help, ...given } = parsed(bench, args)
  if (help) {
    process.stderr.write(`${benchWords.entry(name, bench.about)}\n`)
    return 0
  }
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
  const note = (line: string): void => void process.stderr.write(`${line}\n`)
  const { document, table, missed = false } = await bench.run(given, { signal: interrupted.signal, note })
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : `${table}\n`)
  return interrupted.signal.aborted ? 130 : missed ? 1 : 0
}

/** Errors: WR_USAGE for an option that the benchmark does not have. */
function parsed({ options }: Bench, args: readonly string[]) {
  const flags = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, ...flags } })
    return values as Record<string, string | boolean | undefined>
  } catch (error) {
    const { message } = error as Error
    throw new WardroundError('WR_USAGE', { problem: message, command: 'bench' }, { cause: error })
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { code, sentences, exitCode } = asWardroundError(error)
  process.stderr.write(`${code}: ${sentences.what}\n  ${sentences.why}\n  ${sentences.next}\n`)
  process.exitCode = exitCode
}
