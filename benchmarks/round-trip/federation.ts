/** A coordinator and sites, each a process of its own, on TLS; a study of so many weights whose training takes no time. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProcesses, type Processes, type Started } from '@wardround/cli/demo/processes.ts'
import { approveAt, watchStudy } from '@wardround/cli/federation.ts'
import { openAccount } from '@wardround/cli/homes.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { openSite } from '@wardround/site/agent.ts'
import type { Client } from '@wardround/site/client.ts'
import { readConfig } from '@wardround/site/config.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'

export type Federation = {
  /** Empty, or not there. */
  readonly folder: string
  readonly sites: number
  /** Of the model, at least; the figure that comes back is exact. */
  readonly weights: number
  readonly rounds: number
}

export type Seen = {
  readonly weights: number
  /** From one round's end to the next one's, in milliseconds. */
  readonly roundMs: readonly number[]
  /** The most that the coordinator, and that any one site had in memory, in units of 10^6 bytes; null where the system does not tell. */
  readonly coordinatorPeakMb: number | null
  readonly sitePeakMb: number | null
}

const siteProgram = fileURLToPath(new URL('site.ts', import.meta.url))

export async function runFederation(runtime: Runtime, options: Federation): Promise<Seen> {
  const processes = createProcesses(runtime)
  const sites = createProcesses({ ...runtime, self: [runtime.self[0], siteProgram] })
  try {
    return await Promise.race([federate(runtime, options, { processes, sites }), processes.broken, sites.broken])
  } finally {
    await sites.end()
    await processes.end()
  }
}

async function federate(
  runtime: Runtime,
  { folder, sites: count, weights, rounds }: Federation,
  { processes, sites }: { processes: Processes; sites: Processes },
): Promise<Seen> {
  const home = join(folder, 'coordinator')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const coordinator = processes.start(
    'coordinator',
    ['coordinator', '--dir', home, '--port', '0', '--json'],
    join(home, 'coordinator.log'),
  )
  const { accessFile } = JSON.parse(await coordinator.firstLine()) as { accessFile: string }
  const account = await openAccount(runtime, accessFile)
  try {
    const { client } = account
    const plan = studyOf(weights, rounds)
    const { id } = await client.call('publish', { body: { plan: plan.plan } })
    const started: Started[] = []
    for (let number = 1; number <= count; number++) {
      const own = await settle(runtime, { client, folder, number, study: id })
      started.push(sites.start(`site-${number}`, [own, String(number)], join(own, 'site.log')))
    }
    await client.call('start', { params: { study: id }, body: {} })
    const { clock, signal } = runtime
    await watchStudy(client, id, { clock, signal, onEvent: () => undefined })
    const results = await client.call('results', { params: { study: id } })
    if (results.rounds.length !== rounds) throw new WardroundError('WR_INTERNAL', { what: 'rounds are missing' })
    const ends = results.rounds.map(({ endedAt }) => Date.parse(endedAt))
    return {
      weights: exactWeights(weights),
      roundMs: ends.slice(1).map((end, index) => end - (ends[index] ?? end)),
      coordinatorPeakMb: peakMbOf(coordinator.pid),
      sitePeakMb: highest(started.map(({ pid }) => peakMbOf(pid))),
    }
  } finally {
    await account.close()
  }
}

/** A hospital that has joined and approved the study. */
async function settle(
  runtime: Runtime,
  { client, folder, number, study }: { client: Client; folder: string; number: number; study: string },
): Promise<string> {
  const { clock, entropy, ed25519, disk, version } = runtime
  const name = `site-${number}`
  const own = join(folder, name)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  writeFileSync(join(own, 'data.csv'), table())
  writeFileSync(join(own, 'site.yaml'), 'data: { file: data.csv }\n')
  const { token } = await client.call('createToken', { body: { site: name } })
  await joinNetwork({ folder: own, token, clock, entropy, ed25519, disk, version })
  const trainer = createTrainer()
  const config = readConfig(join(own, 'site.yaml'))
  const options = {
    folder: own,
    config,
    dataFolder: own,
    trainer,
    clock,
    entropy,
    ed25519,
    disk,
    version,
    log: () => undefined,
  }
  const site = await openSite(options)
  await approveAt(site, study).finally(site.close)
  return own
}

const patients = 60
const table = (): string => {
  const rows = Array.from({ length: patients }, (_, index) => `p${index},${index % 2},${20 + index}`)
  return `who,ill,age\n${rows.join('\n')}\n`
}

/** One input, h hidden units twice, one output: h² + 4h + 1 weights. */
const hiddenUnits = (weights: number): number => Math.ceil(Math.sqrt(weights + 3) - 2)
export const exactWeights = (weights: number): number => {
  const units = hiddenUnits(weights)
  return units * units + 4 * units + 1
}

export const studyOf = (weights: number, rounds: number): ParsedStudy =>
  validatePlan({
    wardround: 1,
    name: 'round-trip',
    question: 'What does a round cost?',
    data: {
      patient: 'who',
      target: { column: 'ill', positive: '> 0' },
      columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
      split: { test: 0.3, stratify: 'target' },
      minimumCohort: 10,
    },
    model: {
      layers: [
        { dense: hiddenUnits(weights), activation: 'relu' },
        { dense: hiddenUnits(weights), activation: 'relu' },
        { dense: 1, name: 'output' },
      ],
    },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 32, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: rounds },
  })

/** Linux tells. */
function peakMbOf(pid: number): number | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? null : (Number(kilobytes) * 1024) / 1e6
  } catch {
    // No such file: another system, or a process that has ended.
    return null
  }
}

const highest = (values: readonly (number | null)[]): number | null =>
  values.reduce((most, value) => (value === null || (most !== null && most >= value) ? most : value), null)
