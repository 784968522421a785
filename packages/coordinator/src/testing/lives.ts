/** One study through many lives of its coordinator. */

import assert from 'node:assert/strict'
import { WardroundError } from '@wardround/core/errors.ts'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { ParsedStudy } from '@wardround/core/protocol/plan.ts'
import type { StudyState } from '@wardround/core/protocol/summaries.ts'
import { sha256Of } from '../digest.ts'
import type { RoundPhase } from '../store/schema.ts'
import { openStore, type Store } from '../store/store.ts'
import { startBare } from './bare.ts'
import type { TestClock } from './clock.ts'
import { isoNow, startCoordinator, testWorld, type World } from './federation.ts'
import { type Death, mortal } from './mortal.ts'
import { nothingLeft, nothingMissing } from './needs.ts'
import { asAccount, type Call, type Line, overHttp } from './requests.ts'
import { type Behaviour, type TestSite, testSite } from './site.ts'
import { type PlanChange, parsedPlan, studyIdOf } from './study.ts'

export type Scenario = {
  readonly sites: readonly string[]
  readonly change: PlanChange
  readonly behaviour: (parsed: ParsedStudy) => Behaviour
}

/** A coordinator that runs, and a line to it. */
type Running = { readonly line: Line; idle(): Promise<void>; close(): Promise<void> }

/** How a coordinator lives. */
export type Habitat = {
  /** Opens what outlives it: the same database each time. */
  open(clock: TestClock): Promise<Store>
  start(world: World): Promise<Running>
}

/** Its parts alone, and a database that stays open in memory while coordinators come and go. */
export function bareHabitat(): Habitat {
  let store: Promise<Store> | undefined
  return {
    async open(clock) {
      store ??= openStore({ kind: 'sqlite', path: ':memory:' }, isoNow(clock))
      return { ...(await store), close: async () => undefined }
    },
    async start(world) {
      const bare = await startBare(world)
      return { line: (_, name) => bare.as(name), idle: bare.idle, close: bare.close }
    },
  }
}

/** All of it: a file that is closed and opened again, HTTP, signed requests. */
export const wholeHabitat = (path: string): Habitat => ({
  open: (clock) => openStore({ kind: 'sqlite', path }, isoNow(clock)),
  async start(world) {
    const coordinator = await startCoordinator(world)
    return { line: overHttp({ app: () => coordinator.app }), idle: coordinator.idle, close: coordinator.close }
  },
})

const secret = 's'.repeat(43)

/** The study from nothing to its end. `deathOf` says when each life ends; undefined: it may go on. */
export async function live(
  scenario: Scenario,
  habitat: Habitat,
  deathOf: (life: number) => Death | undefined = () => undefined,
) {
  const world = await testWorld({ store: undefined as never })
  const parsed = parsedPlan(scenario.change)
  const first = await habitat.open(world.clock)
  await first.addAccount({ name: 'tester', secret_sha256: sha256Of(secret) })
  await first.close()
  let running: Running | undefined
  const line: Line =
    (authorise, name) =>
    async (...given) => {
      if (running === undefined) throw new Error('Nobody answers.')
      return running.line(authorise, name)(...given)
    }
  const sites: TestSite[] = []
  for (const site of scenario.sites)
    sites.push(testSite({ ...world, line, site, coordinatorKey: world.keys.publicKey }))
  const go = people(sites, line(asAccount(secret), 'tester'), parsed)
  const watch = onlyForward()
  for (let life = 0; ; life++) {
    const beneath = await habitat.open(world.clock)
    const { store, blobs, dead, steps } = mortal(
      { store: beneath, blobs: world.blobs },
      {
        death: deathOf(life),
        async after() {
          await watch(beneath)
          await nothingMissing(beneath, world.blobs)
        },
      },
    )
    const current = await habitat.start({ ...world, store, blobs })
    running = current
    try {
      await go(scenario.behaviour(parsed), { idle: current.idle, clock: world.clock })
      await current.idle()
      await watch(beneath)
      if (dead()) continue
      await nothingLeft(beneath, world.blobs)
      return { ...(await outcome(beneath, parsed)), steps, lives: life + 1 }
    } catch (error) {
      if (!dead()) throw error
    } finally {
      await current.close()
    }
  }
}

/** What the people at the hospitals and the researcher do: each step again until it was thanked for, and no step twice. */
function people(sites: readonly TestSite[], account: Call, parsed: ParsedStudy) {
  const id = studyIdOf(parsed)
  const params = { study: id }
  const tokens = new Map<string, string>()
  const joined = new Set<string>()
  const already = (code: string) => (error: unknown) => {
    if (!(error instanceof WardroundError && error.code === code)) throw error
  }
  const ended = async (): Promise<boolean> =>
    (await account('studies')).studies.some((study) => study.id === id && study.state === 'ended')
  const setUp = async (): Promise<void> => {
    for (const site of sites.filter(({ site }) => !joined.has(site))) {
      const token = tokens.get(site.site) ?? (await account('createToken', { body: { site: site.site } })).token
      tokens.set(site.site, token)
      await site.join(token)
      joined.add(site.site)
    }
    await account('publish', { body: { plan: parsed.plan } }).catch(already('WR_STUDY_EXISTS'))
    for (const site of sites) {
      const { offers } = await site.call('offers')
      if (offers.some(({ decision }) => decision === null)) await site.decide(id, parsed.planHash)
    }
    await account('start', { params, body: {} }).catch(already('WR_STUDY_STATE'))
  }
  let started = false
  return async (behaviour: Behaviour, { idle, clock }: { idle: () => Promise<void>; clock: TestClock }) => {
    if (!started) await setUp()
    started = true
    while (!(await ended())) {
      await idle()
      let acted = false
      for (const site of sites) if (await site.work(behaviour)) acted = true
      await idle()
      const [alarm] = clock.alarms()
      if (acted || (await ended())) continue
      if (alarm === undefined) throw new Error('The study has not ended, and nobody has anything to do or to wait for.')
      await clock.pass(alarm - clock.now())
    }
  }
}

const states: readonly StudyState[] = ['published', 'preparing', 'running', 'finishing', 'ended']
const phases: readonly RoundPhase[] = ['recruiting', 'collecting', 'aggregating', 'evaluating', 'completed']

/** How far a study is: a number that never falls, in any life. */
async function progress(store: Store): Promise<number> {
  const [row] = await store.studies()
  const round = row === undefined ? undefined : (await store.rounds(row.id)).at(-1)
  const phase = round?.phase === 'abandoned' ? phases.length : phases.indexOf(round?.phase ?? 'recruiting')
  return row === undefined ? -1 : states.indexOf(row.state) * 1e6 + (round?.number ?? 0) * 100 + phase
}

/** Throws at every look after a study has gone back once: whoever hears of it first, the test fails. */
function onlyForward(): (store: Store) => Promise<void> {
  let furthest = -1
  let back: string | undefined
  return async (store) => {
    const now = await progress(store)
    if (now < furthest) back ??= `The study went from ${furthest} back to ${now}.`
    furthest = Math.max(furthest, now)
    assert.equal(back, undefined)
  }
}

/** A coordinator that comes back moves deadlines: when things happened is each life's own. */
const times = new Set(
  'seconds startedAt endedAt started_at ended_at deadline_at settled_at issued_at issuedAt expiresAt'.split(' '),
)

function timeless<T>(value: T): T {
  const text = JSON.stringify(value, (key, part: unknown) => {
    if (times.has(key)) return undefined
    return typeof part === 'string' && part.startsWith('{') ? timeless(JSON.parse(part)) : part
  })
  return JSON.parse(text) as T
}

/** What must be the same however often the coordinator died. */
async function outcome(store: Store, parsed: ParsedStudy) {
  const events = await store.events({ after: 0, limit: 1_000_000 })
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  )
  assert.equal(firstBroken(await store.auditEntries(0, 10_000)), undefined)
  const id = studyIdOf(parsed)
  const row = await store.study(id)
  const tasks = await store.studyTasks(id)
  return timeless({
    results: JSON.parse(row?.results ?? 'null') as { readonly weightsSha256: string; readonly outcome: string },
    bytesUp: (await store.traffic(id)).up,
    rounds: (await store.rounds(id)).map((round) => ({ ...round })),
    tasks: tasks.map(({ signature: _, ...task }) => task),
    // Two sites may come in another order after a restart; what they said is the same.
    events: events.map(({ kind, study, payload }) => JSON.stringify(timeless({ kind, study, payload }))).toSorted(),
  })
}
