/** `npm run soak`: storms of any number of seeds, one process a core. A seed that fails prints the one command that does it again. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type BugName, bugs, noBugs } from './bugs.ts'
import { storm, type Verdict } from './storm.ts'
import { emptyCounts, type FaultKind, faultKinds } from './tally.ts'
import { stormWords } from './words.ts'

type Asked = {
  readonly seeds: number
  readonly from: number
  readonly processes: number
  readonly bug: BugName | undefined
  readonly trace: boolean
  /** A process of a soak: which of so many, counted from 0. */
  readonly part: number | undefined
}

const isBug = (name: string): name is BugName => name in bugs

function asked(): Asked | undefined {
  const text = { type: 'string' } as const
  const options = {
    seeds: text,
    from: text,
    processes: text,
    bug: text,
    part: text,
    trace: { type: 'boolean' },
  } as const
  try {
    const { values } = parseArgs({ options })
    const number = (value: string | undefined, usual: number): number => (value === undefined ? usual : Number(value))
    const { bug } = values
    const [seeds, from, processes] = [
      number(values.seeds, 1000),
      number(values.from, 1),
      number(values.processes, availableParallelism()),
    ]
    const part = values.part === undefined ? undefined : Number(values.part)
    const whole = [seeds, from, processes].every(Number.isInteger) && seeds > 0 && processes > 0
    if (!whole || (bug !== undefined && !isBug(bug))) return undefined
    return { seeds, from, processes, bug, trace: values.trace ?? false, part }
  } catch {
    // An option that there is not: the usage says which there are.
    return undefined
  }
}

/** Seeds of one process: every `processes`-th. */
async function work(
  { seeds, from, processes, bug, trace, part = 0 }: Asked,
  tell: (verdict: Verdict) => void,
): Promise<void> {
  const write = trace ? (line: string): void => void process.stderr.write(`${line}\n`) : undefined
  for (let seed = from + part; seed < from + seeds; seed += processes)
    tell(await storm(seed, { bugs: bug === undefined ? noBugs : bugs[bug], trace: write }))
}

const everySeeds = 100

async function soak(given: Asked): Promise<boolean> {
  const total = { seeds: 0, failed: 0, events: 0, elapsedMs: 0 }
  const counts = emptyCounts()
  const tell = (verdict: Verdict): void => {
    total.seeds += 1
    total.events += verdict.events
    total.elapsedMs += verdict.elapsedMs
    for (const kind of faultKinds) counts[kind] += verdict.counts[kind]
    if (verdict.problem !== undefined) {
      total.failed += 1
      process.stdout.write(stormWords.failure(verdict, stormWords.replay(verdict.seed, given.bug)))
    } else if (given.seeds === 1) process.stdout.write(stormWords.outcome(verdict))
    if (total.seeds % everySeeds === 0)
      process.stdout.write(stormWords.progress(total.seeds, given.seeds, total.failed))
  }
  const processes = Math.min(given.processes, given.seeds)
  if (processes === 1) await work({ ...given, processes }, tell)
  else await Promise.all(Array.from({ length: processes }, (_, part) => partOf(given, { processes, part, tell })))
  process.stdout.write(stormWords.total(total))
  process.stdout.write(`${JSON.stringify(counts satisfies Record<FaultKind, number>)}\n`)
  return total.failed === 0 && total.seeds === given.seeds
}

type Part = { readonly processes: number; readonly part: number; readonly tell: (verdict: Verdict) => void }

function partOf({ seeds, from, bug }: Asked, { processes, part, tell }: Part): Promise<void> {
  const numbers = { seeds, from, processes, part }
  const args = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), ...args, ...(bug === undefined ? [] : ['--bug', bug])],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  createInterface({ input: child.stdout }).on('line', (line) => tell(JSON.parse(line) as Verdict))
  return new Promise((resolve) => child.on('close', () => resolve()))
}

const given = asked()
if (given === undefined) {
  process.stderr.write(stormWords.usage(Object.keys(bugs)))
  process.exitCode = 2
} else if (given.part !== undefined) {
  await work(given, (verdict) => void process.stdout.write(`${JSON.stringify(verdict)}\n`))
} else {
  process.exitCode = (await soak(given)) ? 0 : 1
}
