/** The load itself: a coordinator, its sites and its watchers, each kind a process of its own, and this process that measures. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProcesses } from '@wardround/cli/demo/processes.ts'
import { openAccount } from '@wardround/cli/homes.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import type { Client } from '@wardround/site/client.ts'
import type { z } from 'zod'
import { cpuMsOf, residentMbOf } from '../round-trip/process-figures.ts'
import { studyOf } from '../round-trip/study.ts'
import { measuredCalls } from './calls.ts'
import { type Child, startChild } from './children.ts'
import type { Sample } from './growth.ts'
import type { Load, Seen, Used } from './load.ts'
import { probe } from './prober.ts'
import {
  heardSchema,
  joinedSchema,
  openSchema,
  type sentSchema,
  type sitesSchema,
  type watchersSchema,
} from './told.ts'
import { loadWords } from './words.ts'

/** Weights of each study's model. */
const weights = 10_000
/** The longest that a task takes. */
const taskMs = 10_000
/** Between two measured calls. */
const everyMs = 20
const sampleEveryMs = 1000
/** One watcher in so many watches everything, the others one study each. */
const watchesAll = 10

type Stage = { readonly folder: string; readonly load: Load; readonly note: (line: string) => void }

export async function runLoad(runtime: Runtime, { folder, load, note }: Stage): Promise<Seen> {
  const processes = createProcesses(runtime)
  const home = join(folder, 'coordinator')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const coordinator = processes.start(
    'coordinator',
    ['coordinator', '--dir', home, '--port', '0', '--json'],
    join(folder, 'coordinator.log'),
  )
  const { accessFile } = JSON.parse(await coordinator.firstLine()) as { accessFile: string }
  const sites = startChild('sites-process.ts', join(folder, 'sites.log'))
  const watchers = startChild('watchers-process.ts', join(folder, 'watchers.log'))
  const account = await openAccount(runtime, accessFile)
  try {
    const played = play(runtime, {
      load,
      note,
      accessFile,
      client: account.client,
      pid: coordinator.pid,
      sites,
      watchers,
    })
    return await Promise.race([played, processes.broken])
  } finally {
    await account.close()
    for (const child of [sites, watchers]) await child.end()
    await processes.end()
  }
}

type Cast = {
  readonly load: Load
  readonly note: (line: string) => void
  readonly accessFile: string
  readonly client: Client
  readonly pid: number
  readonly sites: Child
  readonly watchers: Child
}

async function play(runtime: Runtime, cast: Cast): Promise<Seen> {
  const { load, note, accessFile, client, sites, watchers } = cast
  const studies = await publish(client, load.studies)
  note(loadWords.joining(load.sites))
  const tokens: string[] = []
  for (let number = 1; number <= load.sites; number++) tokens.push(await tokenFor(client, `site-${number}`))
  sites.tell({ tokens, studies, weights, taskMs } satisfies z.output<typeof sitesSchema>)
  await sites.hear(joinedSchema)
  const ids = studies.map(({ study }) => study)
  const after = await lastSequence(client)
  const watched = Array.from({ length: load.watchers }, (_, number) =>
    number % watchesAll === 0 ? null : (ids[number % ids.length] ?? null),
  )
  watchers.tell({ access: readFileSync(accessFile, 'utf8'), watched, after } satisfies z.output<typeof watchersSchema>)
  await watchers.hear(openSchema)
  const siteToken = await tokenFor(client, 'prober')
  const { calls, close } = await measuredCalls(runtime, { accessFile, siteToken, studies: ids })
  note(loadWords.running(load))
  for (const study of ids) await client.call('start', { params: { study }, body: {} })
  const seen = await measured(runtime, cast, calls).finally(close)
  await sites.end()
  const sent = await standingStill(runtime, client, after)
  const numbered = sent.map(({ sequence, study }): [number, string | null] => [sequence, study])
  watchers.tell({ sent: numbered } satisfies z.output<typeof sentSchema>)
  const heard = await watchers.hear(heardSchema)
  const roundsEnded = sent.filter(({ kind }) => kind === 'round.ended').length
  return { ...seen, watchers: heard.watchers, streamsBrokenOff: heard.brokenOff, roundsEnded }
}

const tokenFor = async (client: Client, site: string): Promise<string> =>
  (await client.call('createToken', { body: { site } })).token

/** Studies with no end: a load's time is up long before. */
async function publish(client: Client, count: number) {
  const studies: { study: string; planHash: string }[] = []
  for (let number = 0; number < count; number++) {
    const { id, planHash } = await client.call('publish', { body: { plan: studyOf(weights, 9000 + number).plan } })
    studies.push({ study: id, planHash })
  }
  return studies
}

/** Makes the calls and looks at the processes for as long as the load is on. */
async function measured(
  runtime: Runtime,
  { load: { seconds }, note, client, pid, sites, watchers }: Cast,
  calls: Awaited<ReturnType<typeof measuredCalls>>['calls'],
): Promise<Omit<Seen, 'watchers' | 'streamsBrokenOff' | 'roundsEnded'>> {
  const { clock, signal } = runtime
  const timeUp = new AbortController()
  const over = AbortSignal.any([timeUp.signal, signal])
  const pids = [pid, sites.pid, watchers.pid]
  const samples = pids.map((): Sample[] => [])
  const cpuBefore = pids.map(cpuMsOf)
  const before = await countersOf(client)
  const startMs = performance.now()
  const sampling = async (): Promise<void> => {
    while (!over.aborted) {
      for (const [index, own] of pids.entries()) {
        const megabytes = residentMbOf(own)
        if (megabytes !== null) samples[index]?.push({ atMs: performance.now() - startMs, megabytes })
      }
      await clock.sleep(sampleEveryMs, over)
    }
  }
  // The first of each route: all of them are counted.
  const told = new Set<string>()
  const failed = (route: string, error: unknown): void => {
    if (!told.has(route)) note(loadWords.callFailed(route, error))
    told.add(route)
  }
  const looking = sampling()
  const probing = probe(calls, { clock, now: () => performance.now(), everyMs, signal: over, failed })
  await clock.sleep(seconds * 1000, signal)
  timeUp.abort()
  const probed = await probing
  await looking
  const after = await countersOf(client)
  const used = (index: number): Used => {
    const [first = null, last = null] = [cpuBefore[index], cpuMsOf(pids[index] ?? 0)]
    return { cpuMs: first === null || last === null ? null : last - first, samples: samples[index] ?? [] }
  }
  return {
    probed,
    coordinator: used(0),
    sites: used(1),
    watching: used(2),
    requests: after.requests - before.requests,
    refusals: after.refusals - before.refusals,
    seconds: (performance.now() - startMs) / 1000,
  }
}

async function countersOf(client: Client): Promise<{ requests: number; refusals: number }> {
  const text = await client.call('metrics')
  const value = (name: string): number => Number(new RegExp(`^wardround_${name} (\\d+)$`, 'm').exec(text)?.[1])
  return { requests: value('requests_total'), refusals: value('errors_total') }
}

async function lastSequence(client: Client): Promise<number> {
  for (let sequence = 0; ; ) {
    const page = await client.call('events', { query: { after: sequence } })
    if (page.events.length === 0) return sequence
    sequence = page.sequence
  }
}

/** Everything that happened after `after`, once nothing has happened for a while. */
async function standingStill({ clock, signal }: Runtime, client: Client, after: number) {
  const events = []
  let sequence = after
  for (;;) {
    const page = await client.call('events', { query: { after: sequence } })
    if (page.events.length === 0) {
      // Two looks, so far apart that a stream has long been told.
      await clock.sleep(2000, signal)
      if ((await client.call('events', { query: { after: sequence } })).events.length === 0) return events
    }
    events.push(...page.events)
    sequence = page.sequence
  }
}
