/** A coordinator and its sites, each a process of its own, on TLS; a study of so many weights whose training takes no time. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createProcesses, type Processes } from '@wardround/cli/demo/processes.ts'
import { type Watching, watchStudy } from '@wardround/cli/federation.ts'
import { openAccount } from '@wardround/cli/homes.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Client } from '@wardround/site/client.ts'
import { startCrowd } from './crowd.ts'
import { startHospitals } from './hospitals.ts'
import { cpuMsOf, cpuMsOfAll, familyPeakMbOf, highest, peakMbOf } from './process-figures.ts'
import { exactWeights, studyOf } from './study.ts'

export type Federation = {
  /** Empty, or not there. */
  readonly folder: string
  readonly sites: number
  /** Of the model, at least; the figure that comes back is exact. */
  readonly weights: number
  readonly rounds: number
  /** Sites without disks, in one process, however few they are. */
  readonly crowd?: boolean
  /** Whether sites that have disks train in truth, instead of in no time. */
  readonly trains?: boolean
  /** What a researcher does with the finished study. */
  readonly afterwards?: (client: Client, study: string) => Promise<void>
}

export type Seen = {
  readonly weights: number
  /** From one round's end to the next one's, in milliseconds. */
  readonly roundMs: readonly number[]
  /** Of processor time, in all threads, for each round. null where the system does not tell. */
  readonly coordinatorCpuMs: number | null
  /** The same of all processes of sites together. */
  readonly sitesCpuMs: number | null
  /** The most that the coordinator, and that any one process of sites had in memory, in units of 10^6 bytes; null where the system does not tell. */
  readonly coordinatorPeakMb: number | null
  /** The same before there was a study. */
  readonly coordinatorStartMb: number | null
  readonly sitePeakMb: number | null
}

/** What sites are told: where they may keep things, what they are to approve, and who makes their tokens. */
export type Invitation = {
  readonly folder: string
  readonly sites: number
  readonly study: string
  readonly planHash: string
  readonly weights: number
  readonly client: Client
}

/** So many have a folder, a journal and a process each; more of them are a crowd in one process. */
const mostHospitals = 16

export async function runFederation(runtime: Runtime, options: Federation): Promise<Seen> {
  const processes = createProcesses(runtime)
  const start = options.crowd || options.sites > mostHospitals ? startCrowd(runtime) : startHospitals(runtime, options)
  try {
    return await Promise.race([federate(runtime, options, { processes, start }), processes.broken, start.broken])
  } finally {
    await start.end()
    await processes.end()
  }
}

/** Sites that have joined and approved, and run. */
export type Sites = Pick<Processes, 'broken' | 'end'> & {
  /** The numbers of their processes. */
  join(invitation: Invitation): Promise<readonly number[]>
}

async function federate(
  runtime: Runtime,
  { folder, sites, weights, rounds, afterwards }: Federation,
  { processes, start }: { processes: Processes; start: Sites },
): Promise<Seen> {
  const home = join(folder, 'coordinator')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const coordinator = processes.start(
    'coordinator',
    ['coordinator', '--dir', home, '--port', '0', '--json'],
    join(home, 'coordinator.log'),
  )
  const { accessFile } = JSON.parse(await coordinator.firstLine()) as { accessFile: string }
  const coordinatorStartMb = peakMbOf(coordinator.pid)
  const account = await openAccount(runtime, accessFile)
  try {
    const { client } = account
    const { plan } = studyOf(weights, rounds)
    const { id, planHash } = await client.call('publish', { body: { plan } })
    const pids = await start.join({ folder, sites, study: id, planHash, weights, client })
    await client.call('start', { params: { study: id }, body: {} })
    const { clock, signal } = runtime
    const cpuMs: { coordinator: number | null; sites: number | null }[] = []
    const onEvent: Watching['onEvent'] = ({ kind }) =>
      void (kind === 'round.ended' && cpuMs.push({ coordinator: cpuMsOf(coordinator.pid), sites: cpuMsOfAll(pids) }))
    await watchStudy(client, id, { clock, signal, onEvent })
    const results = await client.call('results', { params: { study: id } })
    if (results.rounds.length !== rounds) throw new WardroundError('WR_INTERNAL', { what: 'rounds are missing' })
    for (const { sites: parts } of results.rounds) requireAll(parts.length, sites)
    await afterwards?.(client, id)
    const ends = results.rounds.map(({ endedAt }) => Date.parse(endedAt))
    return {
      weights: exactWeights(weights),
      roundMs: ends.slice(1).map((end, index) => end - (ends[index] ?? end)),
      coordinatorCpuMs: perRound(cpuMs.map((seen) => seen.coordinator)),
      sitesCpuMs: perRound(cpuMs.map((seen) => seen.sites)),
      coordinatorPeakMb: peakMbOf(coordinator.pid),
      coordinatorStartMb,
      sitePeakMb: highest(pids.map(familyPeakMbOf)),
    }
  } finally {
    await account.close()
  }
}

function requireAll(contributed: number, sites: number): void {
  if (contributed !== sites) throw new WardroundError('WR_INTERNAL', { what: `${contributed} sites took part` })
}

/** From the first round's end to the last one's. */
function perRound(values: readonly (number | null)[]): number | null {
  const [first = null, last = null] = [values[0], values.at(-1)]
  return first === null || last === null || values.length < 2 ? null : (last - first) / (values.length - 1)
}
