/**
 * The loop: an input known to be interesting, changed a little, is given to the boundary; where it made source run that none before it did,
 * it is interesting too. Same seed, same sources: same inputs.
 */
import { asWardroundError, type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import fc from 'fast-check'
import type { Boundary, Bytes, Outcome, Session } from './boundary.ts'
import type { Coverage } from './coverage.ts'
import { byteMutators } from './mutate/bytes.ts'
import { pick } from './mutate/numbers.ts'

/** An input may take this long, and memory grow by so much while it is taken. */
export const slowestMs = 1000
export const largestGrowthBytes = 256 << 20

export type Finding = {
  readonly why: string
  /** What the session had taken before, where that matters, and last the input itself. */
  readonly inputs: readonly Bytes[]
}

export type Explored = {
  readonly inputs: number
  readonly accepted: number
  /** Code → how often. */
  readonly refused: Readonly<Record<string, number>>
  readonly slowestMs: number
  readonly findings: readonly Finding[]
  /** Inputs that each ran something new. */
  readonly corpus: readonly Bytes[]
  /** Those that took longest. */
  readonly slowest: readonly Bytes[]
}

export type ExploreOptions = {
  readonly inputs: number
  readonly seed: number
  /** What earlier runs found interesting. */
  readonly corpus: readonly Bytes[]
  /** Absent: nothing is found interesting, and only what is known is changed. */
  readonly coverage?: Coverage
  /** Inputs without anything new after which coverage rests. */
  readonly patience?: number
  readonly now: () => number
  /** Called before each input, for whoever has to know which one it was. */
  readonly before?: (input: Bytes) => void
  /** Called after each batch. */
  readonly after?: (inputs: number) => void
}

/** What is new is found sooner in a small batch; where nothing is, coverage is asked for less often. */
const smallestBatch = 16
const largestBatch = 256
/** After so many inputs of which none ran anything new, nobody watches any more: what is not watched runs faster. */
const usualPatience = 10_000
/** What is faster has not filled much memory. */
const noticeableMs = 5
const longestInput = 64 << 10
/** What is longer is taken, but nothing is made of it: short inputs run as much, sooner. */
const longestInteresting = 8 << 10
const mostSlow = 16
/** More than these, and what they have in common matters more than the next one. */
const mostFindings = 20

export async function explore(boundary: Boundary, options: ExploreOptions): Promise<Explored> {
  const { patience = usualPatience } = options
  const trial = await openTrial(boundary, options)
  const pool: Bytes[] = []
  let size = smallestBatch
  let { coverage } = options
  let inVain = 0
  const batch = async (inputs: readonly Bytes[]): Promise<void> => {
    for (const input of inputs) await trial.take(input)
    const found = await interesting(inputs, trial, coverage)
    pool.push(...found)
    inVain = found.length > 0 ? 0 : inVain + inputs.length
    if (inVain >= patience && pool.length > 0) {
      coverage?.rest()
      coverage = undefined
    }
    size = found.length > 0 ? smallestBatch : Math.min(largestBatch, size * 2)
    options.after?.(trial.taken())
  }
  const known = [...options.corpus, ...boundary.seeds]
  for (let start = 0; start < known.length; start += smallestBatch)
    await batch(known.slice(start, start + smallestBatch))
  const start = options.coverage === undefined ? known : pool
  const documents = sampler(boundary, options.seed)
  while (trial.taken() < options.inputs && trial.findings().length < mostFindings) {
    const from = start.length > 0 ? start : known
    const length = Math.min(size, options.inputs - trial.taken())
    const inputs = Array.from({ length }, (_, index) => {
      const random = seededRandom([options.seed, boundary.name, trial.taken() + index])
      return random.below(4) === 0 ? documents() : mutated(boundary, from, random)
    })
    await batch(inputs)
  }
  return { ...(await trial.end()), corpus: pool }
}

/** Documents made by fast-check, a thousand at a time. */
function sampler({ documents }: Boundary, seed: number): () => Bytes {
  let made: Bytes[] = []
  let times = 0
  return () => {
    if (made.length === 0) made = fc.sample(documents, { numRuns: 1000, seed: seed + times++ })
    return made.pop() ?? new Uint8Array()
  }
}

function mutated({ mutators, onlyThese, words }: Boundary, pool: readonly Bytes[], random: Random): Bytes {
  const beside = { other: pick(random, pool), words }
  const [one, other] = [pick(random, pool), pick(random, pool)]
  let input = one.length < other.length ? one : other
  for (let changes = 2 ** random.below(4); changes > 0; changes--) {
    const knowing = onlyThese === true || (mutators.length > 0 && random.below(2) === 0)
    input = pick(random, knowing ? mutators : byteMutators)(input, random, beside)
  }
  return input.slice(0, longestInput)
}

/** Those of a batch that ran something new: halves of it are run again until it is clear which. */
async function interesting(inputs: readonly Bytes[], trial: Trial, coverage: Coverage | undefined): Promise<Bytes[]> {
  if (coverage === undefined) return []
  const whole = coverage.take()
  if (coverage.fresh(whole) === 0) return []
  const found: Bytes[] = []
  const search = async (part: readonly Bytes[]): Promise<void> => {
    if (part.length === 0) return
    for (const input of part) await trial.again(input)
    const executed = coverage.take()
    if (coverage.fresh(executed) === 0) return
    const [only] = part
    if (part.length === 1 && only !== undefined) {
      coverage.keep(executed)
      if (only.length <= longestInteresting) found.push(only)
      return
    }
    await halves(part)
  }
  const halves = async (part: readonly Bytes[]): Promise<void> => {
    const middle = part.length >> 1
    await search(part.slice(0, middle))
    await search(part.slice(middle))
  }
  await halves(inputs)
  // What did not happen again was of the moment: what was compiled, what was remembered.
  coverage.keep(whole)
  return found
}

type Trial = Awaited<ReturnType<typeof openTrial>>

/** Takes inputs one by one, with a fresh session where one is due, and judges each. */
async function openTrial(boundary: Boundary, { now, before }: ExploreOptions) {
  const refused: Record<string, number> = {}
  const findings = new Map<string, Finding>()
  const counts = { taken: 0, accepted: 0, slowest: 0 }
  let slow: readonly { readonly ms: number; readonly input: Bytes }[] = []
  let session = await boundary.open()
  let history: Bytes[] = []
  let memory = process.memoryUsage.rss()
  const grownBy = (): number => {
    const before = memory
    memory = process.memoryUsage.rss()
    return memory - before
  }
  const renew = async (): Promise<void> => {
    await session.close()
    session = await boundary.open()
    history = []
  }
  const once = async (input: Bytes): Promise<{ outcome: Outcome | undefined; ms: number }> => {
    before?.(input)
    if (boundary.inputsPerSession !== undefined) {
      if (history.length >= boundary.inputsPerSession) await renew()
      history.push(input)
    } else history = [input]
    const started = now()
    const judged = await judge(session, boundary, input)
    const ms = now() - started
    const grown = ms > noticeableMs ? grownBy() : 0
    const why = judged.why ?? (grown > largestGrowthBytes ? `memory grew by ${grown >> 20} MiB` : undefined)
    if (why !== undefined) {
      if (!findings.has(kindOf(why))) findings.set(kindOf(why), { why, inputs: history })
      await renew()
    }
    return { outcome: judged.outcome, ms }
  }
  return {
    async take(input: Bytes): Promise<void> {
      counts.taken += 1
      const { outcome, ms } = await once(input)
      counts.slowest = Math.max(counts.slowest, ms)
      if (slow.length < mostSlow || ms > (slow.at(-1)?.ms ?? 0))
        slow = [...slow, { ms, input }].toSorted((a, b) => b.ms - a.ms).slice(0, mostSlow)
      if (outcome === 'accepted') counts.accepted += 1
      else if (outcome !== undefined) refused[outcome] = (refused[outcome] ?? 0) + 1
      // A machine can have other things to do; an input that is slow is slow again.
      if (ms <= slowestMs) return
      const again = await once(input)
      if (again.ms > slowestMs && !findings.has('slow'))
        findings.set('slow', {
          why: `took ${Math.round(ms)} ms, and ${Math.round(again.ms)} ms again`,
          inputs: history,
        })
    },
    again: once,
    taken: () => counts.taken,
    findings: () => [...findings.values()],
    async end(): Promise<Omit<Explored, 'corpus'>> {
      await session.close()
      return {
        inputs: counts.taken,
        accepted: counts.accepted,
        refused,
        slowestMs: counts.slowest,
        findings: [...findings.values()],
        slowest: slow.map(({ input }) => input),
      }
    },
  }
}

/** Two errors from the same line are one finding. */
const kindOf = (why: string): string => why.replaceAll(/\d+/g, '0').split('\n').slice(0, 3).join('\n').slice(0, 300)

async function judge(
  session: Session,
  { codes }: Boundary,
  input: Bytes,
): Promise<{ outcome?: Outcome; why?: string }> {
  let outcome: Outcome
  try {
    outcome = await session.take(input)
  } catch (error) {
    if (!(error instanceof WardroundError)) return { why: described(error) }
    outcome = error.code
    if (!isAllowed(outcome, codes)) return { why: `${outcome}: ${described(error)} ${described(error.cause)}` }
  }
  return isAllowed(outcome, codes) ? { outcome } : { why: `${outcome}, which this boundary does not promise` }
}

const isAllowed = (outcome: Outcome, codes: readonly ErrorCode[]): boolean =>
  outcome === 'accepted' || codes.includes(outcome)

const described = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : `${asWardroundError(error).code}: ${String(error)}`
