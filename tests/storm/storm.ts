/**
 * A whole federation in one process, from one seed: the real coordinator and the real sites on virtual time, with a network, disks, clocks and
 * deaths that the seed draws, and every invariant looked at after everything that happens. The idea is TigerBeetle's (src/vopr.zig).
 */
import type { Store } from '@wardround/coordinator/store/store.ts'
import { durationMs } from '@wardround/core/study/study.ts'
import { type Bugs, noBugs } from './bugs.ts'
import { violation } from './check/check.ts'
import { drawFaults, type Faults } from './faults.ts'
import { federation, type Given, type StormFederation } from './federation.ts'
import { simulatedLine } from './line.ts'
import { researcher } from './people.ts'
import { createScheduler, type SchedulerOptions } from './scheduler.ts'
import { drawStudy, type StormStudy, studyIdOf } from './study.ts'
import { createTally, type FaultKind } from './tally.ts'
import { weather } from './weather.ts'

export type StormOptions = SchedulerOptions & { readonly faults?: Faults; readonly bugs?: Bugs }

export type Verdict = {
  readonly seed: number
  /** What went wrong; undefined: nothing. */
  readonly problem: string | undefined
  readonly outcome: string | undefined
  readonly weightsSha256: string | undefined
  /** Which updates counted in which round, and whose surveys the preparation is made of: a study may have begun before everybody had approved. */
  readonly counted: readonly string[]
  readonly traceHash: string
  readonly events: number
  readonly elapsedMs: number
  readonly sites: number
  readonly counts: Record<FaultKind, number>
  readonly faults: Faults
}

export async function storm(
  seed: number,
  { faults = drawFaults(seed), bugs = noBugs, ...options }: StormOptions = {},
): Promise<Verdict> {
  const given: Given = {
    seed,
    scheduler: createScheduler(seed, options),
    faults,
    tally: createTally(),
    study: drawStudy(seed),
    bugs,
  }
  const { scheduler, tally, study } = given
  const all = await federation(given)
  const problem = await undergo(given, all)
  const { late, ...ended } = await summaryOf(all.store)
  await all.store.close()
  for (let update = 0; update < late; update++) tally.count('lateUpdateCounted')
  return {
    seed,
    problem,
    ...ended,
    traceHash: scheduler.traceHash(),
    events: scheduler.released(),
    elapsedMs: scheduler.elapsedMs(),
    sites: study.sites.length,
    counts: tally.counts,
    faults,
  }
}

/** Lets it all happen; what went wrong. */
async function undergo(given: Given, all: StormFederation): Promise<string | undefined> {
  const { scheduler, study, faults } = given
  const { problems, lookAround } = all
  const stopped = new AbortController()
  let done = false
  const everything = happen(given, all, stopped.signal).then(
    () => {
      done = true
    },
    (error: unknown) => {
      if (!stopped.signal.aborted) all.failed(error)
    },
  )
  const untilMs = latestEndMs(study, faults)
  try {
    const ended = await scheduler.run(() => done || problems.length > 0, { look: lookAround, untilMs })
    if (problems[0] === undefined && !ended)
      throw violation('liveness', `the study has not ended; waiting: ${scheduler.waiting().join('; ')}`)
    if (ended && problems[0] === undefined) await all.lookBack()
  } catch (error) {
    all.failed(error)
  }
  const [problem] = problems
  stopped.abort('over')
  for (const own of all.hospitals) own.stop()
  await all.coordinator.stop()
  await everything
  return problem?.stack
}

/** The study from nothing to its end, the weather, and everything put right after both. */
async function happen(given: Given, all: StormFederation, stopped: AbortSignal): Promise<void> {
  const { study } = given
  const { coordinator, hospitals, secret, setCoordinatorClock } = all
  coordinator.start()
  const line = simulatedLine({ ...given, name: 'the researcher', coordinator })
  const blowing = weather({ ...given, hospitals, coordinator, setCoordinatorClock, study: studyIdOf(study), stopped })
  await researcher({ ...given, line, secret, hospitals, stopped })
  for (const own of hospitals) own.studyIsOver()
  await blowing
  // What a death kept from being cleared away is cleared away at the next start.
  coordinator.kill()
  while (coordinator.current() === undefined && !stopped.aborted)
    await given.scheduler.park('everybody waits', 10_000, stopped)
  await given.scheduler.park('everybody waits', 10_000, stopped)
}

/** After the faults every deadline may have to be waited for once more, by each round and what comes before and after. */
function latestEndMs({ parsed }: StormStudy, { endMs }: Faults): number {
  const { rounds } = parsed.study
  return endMs + durationMs(rounds.deadline) * (4 * rounds.maximum + 4) + 3_600_000
}

async function summaryOf(store: Store) {
  const [study] = await store.studies()
  const tasks = study === undefined ? [] : await store.studyTasks(study.id)
  const results = JSON.parse(study?.results ?? 'null') as { weightsSha256: string } | null
  const surveyed = tasks
    .filter(({ kind, state, round }) => kind === 'prepare' && state === 'reported' && round === study?.attempt)
    .map(({ site }) => `${site} was surveyed`)
  const counting = tasks.filter(({ counted_in }) => counted_in !== null)
  return {
    outcome: study?.outcome ?? undefined,
    weightsSha256: results?.weightsSha256,
    counted: [...counting.map(({ id, counted_in }) => `${id} ${counted_in}`), ...surveyed].toSorted(),
    late: counting.filter(({ counted_in, round }) => (counted_in ?? 0) > round).length,
  }
}
