/** A federation of real processes, any of which may be killed and started again, and what must be true of it in the end. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore, type Store } from '@wardround/coordinator/store/store.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { ParsedStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { createClient, persistently } from '@wardround/site/client.ts'
import { httpsNetwork, trustOf } from '@wardround/site/http.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { releasedResultSchema } from '@wardround/site/progress.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { approves, settled, type TestSite } from '../federation.ts'
import { clock, disk, entropy, hospital, smallTable, version } from '../support.ts'

const program = (name: string): string => fileURLToPath(new URL(`${name}.ts`, import.meta.url))
export const siteNames = ['north', 'south'] as const
export type Name = 'coordinator' | (typeof siteNames)[number]

export type Life = {
  readonly pid: number
  /** The first line it prints: it is up. Rejects if it ends before. */
  readonly up: Promise<string>
  /** How it ended. */
  readonly end: Promise<NodeJS.Signals | number | null>
  readonly output: () => string
  kill(signal: NodeJS.Signals): void
}

const children = new Set<ChildProcess>()
/** Ends whoever a test that failed has left. */
export function killEverybody(): void {
  for (const child of children) child.kill('SIGKILL')
}
process.on('exit', killEverybody)

function live(name: string, args: readonly string[]): Life {
  const child = spawn(process.execPath, [program(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let output = ''
  const { promise: up, resolve, reject } = Promise.withResolvers<string>()
  up.catch(() => undefined)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.includes('\n')) resolve(output.split('\n')[0] ?? '')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const end = new Promise<NodeJS.Signals | number | null>((ended) =>
    child.on('close', (code, signal) => {
      children.delete(child)
      reject(new Error(`${name} ended with ${signal ?? code}: ${output.slice(-2000)}`))
      ended(signal ?? code)
    }),
  )
  return { pid: child.pid ?? 0, up, end, output: () => output, kill: (signal) => void child.kill(signal) }
}

export type KillFederation = Awaited<ReturnType<typeof killFederation>>

type KillOptions = {
  /** 'sqlite' or a URL. */
  readonly store: string
  readonly plan: ParsedStudy['plan']
  /** After so much silence a line is dead to a site; what it is for everybody, if nothing is said. */
  readonly silenceMs?: number
}

/** Joined, approved and started, with nobody running but the coordinator. */
export async function killFederation(folder: string, { store, plan, silenceMs }: KillOptions) {
  const home = join(folder, 'coordinator')
  const lives = new Map<Name, Life>()
  let port = '0'
  const start = async (name: Name, point = ''): Promise<void> => {
    const life =
      name === 'coordinator'
        ? live('coordinator', [home, port, store, point])
        : live('site', [join(folder, name), point, ...(silenceMs === undefined ? [] : [String(silenceMs)])])
    lives.set(name, life)
    // Killed at a point that comes before it is up: that is how it was meant.
    const line = await life.up.catch(async (error: unknown) => {
      if ((await life.end) !== 'SIGKILL') throw error
      return ''
    })
    if (name === 'coordinator' && line !== '') port = line
  }
  await start('coordinator')
  const access = decodeToken('access', readFileSync(join(home, 'access'), 'utf8'))
  const network = httpsNetwork(access.url, trustOf(access))
  const identity = { kind: 'account', secret: access.secret } as const
  const client = createClient({ network, clock, entropy, version, identity })
  const { id } = await client.call('publish', { body: { plan } })
  const [trainer, { signal }] = [createTrainer(), new AbortController()]
  const sites: TestSite[] = []
  for (const name of siteNames) {
    const { token } = await client.call('createToken', { body: { site: name } })
    const own = hospital(join(folder, name), smallTable(name))
    const site = await settled({ name, folder: own, token, trainer, signal })
    await approves(site.options, id)
    sites.push(site)
  }
  return {
    study: id,
    start,
    life: (name: Name): Life => {
      const life = lives.get(name)
      assert.ok(life !== undefined, `${name} was never started`)
      return life
    },
    /** Another study, which all approve. */
    async also(other: ParsedStudy['plan']): Promise<string> {
      const { id: study } = await client.call('publish', { body: { plan: other } })
      for (const { options } of sites) await approves(options, study)
      return study
    },
    /** Until it is thanked for: the coordinator may be dead. */
    begin: async (study = id): Promise<void> => {
      const start = () => client.call('start', { params: { study }, body: {} })
      await persistently(start, { clock, entropy }).catch((error: unknown) => {
        if (!(error instanceof WardroundError) || error.code !== 'WR_STUDY_STATE') throw error
      })
    },
    ended: async (study = id): Promise<boolean> =>
      (await persistently(() => client.call('study', { params: { study } }), { clock, entropy })).state === 'ended',
    events: async () => (await client.call('events', { query: { study: id } })).events,
    results: (study = id) => client.call('results', { params: { study } }),
    async close(): Promise<void> {
      for (const life of lives.values()) life.kill('SIGTERM')
      for (const life of lives.values()) await life.end
      await network.close()
    },
    /** To look into, once nobody runs. */
    openStore: () =>
      openStore(
        store === 'sqlite'
          ? { kind: 'sqlite', path: join(home, 'coordinator.sqlite') }
          : { kind: 'postgres', url: store },
        () => new Date(clock.now()).toISOString(),
      ),
  }
}

/** What a study comes to: all of it but times and traffic. */
export function essence({ rounds, weightsSha256, sites, overall, outcome, bestRound, contributed }: Results): unknown {
  const parts = rounds.map(({ round, state, overall: figure, measurements, sites: of }) => ({
    round,
    state,
    figure,
    measurements,
    sites: of.map(({ seconds: _, ...site }) => site),
  }))
  return { parts, weightsSha256, sites, overall, outcome, bestRound, contributed }
}

/** Each update counted once, nothing twice, chains unbroken. */
export async function holdsTogether(store: Store, folder: string, { id, rounds }: { id: string; rounds: number }) {
  const tasks = await store.studyTasks(id)
  assert.deepEqual([...new Set(tasks.map(({ state }) => state))], ['reported'])
  const counts = Map.groupBy(tasks, ({ kind }) => kind)
  for (const [kind, each] of [
    ['prepare', 1],
    ['train', rounds],
    ['evaluate', rounds],
    ['finish', 1],
  ] as const)
    assert.equal(counts.get(kind)?.length, each * siteNames.length, kind)
  const events = await store.events({ after: 0, study: id, limit: 1_000_000 })
  const reported = events.flatMap((event) => (event.kind === 'task.reported' ? [event.payload.task] : []))
  assert.deepEqual(reported.toSorted(), tasks.map((task) => task.id).toSorted())
  const ended = events.flatMap((event) => (event.kind === 'round.ended' ? [event.payload.round] : []))
  assert.deepEqual(
    ended,
    Array.from({ length: rounds }, (_, index) => index + 1),
  )
  assert.equal(firstBroken(await store.auditEntries(0, 100_000)), undefined)
  for (const name of siteNames) {
    const { broken, entries } = readJournal(disk, join(folder, name, 'journal.ndjson'))
    assert.equal(broken, undefined, `the journal of ${name}`)
    const own = entries.filter(({ body }) => body.study === id)
    const left = own.flatMap(({ body }) => releasedResultSchema.safeParse(body.result).data ?? [])
    const digests = Map.groupBy(left, ({ task }) => task)
    // Sent again perhaps, but never anything else.
    for (const [task, sent] of digests) assert.equal(new Set(sent.map(({ sha256 }) => sha256)).size, 1, task)
    assert.equal(digests.size, tasks.length / siteNames.length)
  }
}
