/** The real coordinator on virtual time, with sites that act by hand. */
import type * as ports from '@wardround/core/ports.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import type { ParsedStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { RouteAnswer } from '@wardround/core/protocol/routes.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import { blobRefSchema, type Task } from '@wardround/core/protocol/task.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { decodeWeights, flatten } from '@wardround/core/safetensors.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { keptBlobs } from '../blobs/kept.ts'
import { memoryBlobs } from '../blobs/memory.ts'
import type { Context } from '../context.ts'
import { createNotifier } from '../notifier.ts'
import { type Coordinator, createCoordinator } from '../server.ts'
import type { RoundRow } from '../store/schema.ts'
import { openStore, type Store } from '../store/store.ts'
import { type TestClock, testClock } from './clock.ts'
import { testEntropy } from './entropy.ts'
import { ed25519, newKeys } from './keys.ts'
import { asAccount, type Call, caller, overHttp, type Way } from './requests.ts'
import { type Act, type Behaviour, type TestSite, testSite } from './site.ts'
import { finished, lossFigure, type PlanChange, parsedPlan, specsOf, survey, updateBytes } from './study.ts'

/** What outlives a coordinator's process. */
export type World = ports.World & {
  readonly store: Store
  readonly blobs: BlobStore
  readonly clock: TestClock
  readonly keys: KeyPair
}

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }

export async function testWorld(change: Partial<World> = {}): Promise<World> {
  const clock = change.clock ?? testClock()
  return {
    clock,
    store: change.store ?? (await openStore({ kind: 'sqlite', path: ':memory:' }, isoNow(clock))),
    blobs: memoryBlobs(),
    entropy: testEntropy('world'),
    ed25519,
    keys: newKeys(),
    ...change,
  }
}

/** A world whose blobs all stay, for tests that look back. */
export const lastingWorld = (): Promise<World> =>
  testWorld({ blobs: { ...memoryBlobs(), delete: async () => undefined } })

export const isoNow = (clock: TestClock) => (): string => new Date(clock.now()).toISOString()

export const startCoordinator = (world: World, lines: LogLine[] = []): Promise<Coordinator> =>
  createCoordinator({
    ...world,
    version: '0.1.0',
    log: (level, message, fields = {}) => void lines.push({ level, message, fields: { ...fields } }),
  })

/** For calling a part of the coordinator alone; nothing is moved on by itself. */
export const contextOf = ({ world }: { readonly world: World }): Context => ({
  ...world,
  startedAt: world.clock.steadyNow(),
  blobs: keptBlobs({ ...world, log: () => undefined }),
  notifier: createNotifier(world.clock),
  log: () => undefined,
  bytesDown: new Map(),
  damage: { lost: new Set(), mended: new Set() },
  advance: () => undefined,
})

export type TestFederation = {
  readonly world: World
  readonly coordinator: Coordinator
  readonly way: Way
  readonly secret: string
  readonly account: Call
  readonly sites: readonly TestSite[]
  readonly lines: LogLine[]
  site(name: string): TestSite
  /** A new site that has joined. */
  join(name: string): Promise<TestSite>
  /** Publishes, and lets every site approve. Returns the study's id. */
  publish(parsed: ParsedStudy, approving?: readonly TestSite[]): Promise<string>
  start(id: string, sites?: string[]): Promise<void>
  /** Lets the sites work for as long as one of them has something to do. */
  work(behaviour: Behaviour): Promise<void>
  /** Lets time pass, and the coordinator do what is due. */
  pass(ms: number): Promise<void>
  events(): Promise<StoredEvent[]>
  close(): Promise<void>
}

/** `names` join at once. */
export async function testFederation(names: readonly string[], given?: World): Promise<TestFederation> {
  const world = given ?? (await testWorld())
  const { clock, entropy, keys, store } = world
  const lines: LogLine[] = []
  const coordinator = await startCoordinator(world, lines)
  const way: Way = { app: () => coordinator.app }
  const { secret } = decodeToken('access', await coordinator.createAccess('tester', 'https://localhost'))
  const account = caller(way, asAccount(secret))
  const sites: TestSite[] = []
  const join = async (name: string): Promise<TestSite> => {
    const site = testSite({ line: overHttp(way), site: name, clock, entropy, coordinatorKey: keys.publicKey })
    await site.join((await account('createToken', { body: { site: name } })).token)
    return site
  }
  for (const name of names) sites.push(await join(name))
  return {
    world,
    coordinator,
    way,
    secret,
    account,
    sites,
    lines,
    site(name) {
      const found = sites.find(({ site }) => site === name)
      if (found === undefined) throw new Error(`There is no site ${name}.`)
      return found
    },
    join,
    async publish(parsed, approving = sites) {
      const { id } = await account('publish', { body: { plan: parsed.plan } })
      for (const site of approving) await site.decide(id, parsed.planHash)
      return id
    },
    async start(id, named) {
      await account('start', { params: { study: id }, body: named === undefined ? {} : { sites: named } })
      await coordinator.idle()
    },
    async work(behaviour) {
      for (let acted = true; acted; ) {
        acted = false
        for (const site of sites) if (await site.work(behaviour)) acted = true
        await coordinator.idle()
      }
    },
    async pass(ms) {
      await clock.pass(ms)
      await coordinator.idle()
    },
    events: () => store.events({ after: 0, limit: 1_000_000 }),
    close: () => coordinator.close(),
  }
}

export type Saying = {
  /** What every weight changes by. */
  readonly delta?: (round: number, site: string) => number
  readonly numExamples?: (site: string) => number
  readonly loss?: (round: number, site: string) => number | null
}

/** A site that does all it is asked to; `say` gives its figures. */
export function honest(parsed: ParsedStudy, say: Saying = {}): Behaviour {
  const { delta = () => 0.5, numExamples = () => 20, loss = () => 0.5 } = say
  const length = specsOf(parsed).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  return (task, site): Act => {
    switch (task.kind) {
      case 'prepare':
        return { report: { kind: 'prepare', survey: survey() } }
      case 'train': {
        const flat = new Float32Array(length).fill(delta(task.round, site))
        return { update: updateBytes(parsed, flat, numExamples(site)) }
      }
      case 'evaluate': {
        const value = loss(task.round, site)
        return { report: { kind: 'evaluate', on: 'training', figure: value === null ? null : lossFigure(value) } }
      }
      case 'finish':
        return { report: finished() }
    }
  }
}

/** A behaviour with an exception. */
export const except =
  (usual: Behaviour, other: (task: Task, site: string) => Act | undefined): Behaviour =>
  (task, site) =>
    other(task, site) ?? usual(task, site)

export type Running = TestFederation & {
  readonly parsed: ParsedStudy
  readonly id: string
  detail(): Promise<RouteAnswer<'study'>>
  results(): Promise<Results>
  rounds(): Promise<RoundRow[]>
  /** The blob's weights, flat. */
  weightsOf(ref: string | null): Promise<Float32Array>
}

/** A federation whose study has been started. */
export async function startedStudy(names: readonly string[], change: PlanChange = {}, given?: World): Promise<Running> {
  const federation = await testFederation(names, given)
  const parsed = parsedPlan(change)
  const id = await federation.publish(parsed)
  await federation.start(id)
  const { account, world } = federation
  const params = { study: id }
  return {
    ...federation,
    parsed,
    id,
    detail: () => account('study', { params }),
    results: () => account('results', { params }),
    rounds: () => world.store.rounds(id),
    async weightsOf(ref) {
      const { sha256 } = blobRefSchema.parse(JSON.parse(ref ?? 'null'))
      return flatten(decodeWeights(await world.blobs.read(sha256), specsOf(parsed)))
    },
  }
}
