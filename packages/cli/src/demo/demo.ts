/** Four hospitals on one machine, each a process with its own folder and its own file: what a network does, in one command. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { WardroundError } from '@wardround/core/errors.ts'
import { preparationSchema } from '@wardround/core/preparation/schema.ts'
import type { ParsedStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { openSite } from '@wardround/site/agent.ts'
import { readConfig } from '@wardround/site/config.ts'
import { datasetCache } from '@wardround/site/dataset.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { parseDocument } from 'yaml'
import { approveAt, publishStudy, watchStudy } from '../federation.ts'
import { openAccount, outFolder, writeOut } from '../homes.ts'
import type { Screen } from '../live.ts'
import { machineOf } from '../machine.ts'
import type { Runtime } from '../runtime.ts'
import { type Centralised, trainCentralised, withCentralised } from '../simulate/centralised.ts'
import { usageOf } from '../usage.ts'
import { createProcesses, type Processes } from './processes.ts'

export type DemoOptions = {
  readonly parsed: ParsedStudy
  /** Names of the hospitals, each with a file of that name in `siteFiles`. */
  readonly sites: readonly string[]
  readonly siteFiles: string
  readonly dataFolder: string
  readonly out: string
  /** 'sqlite', or the URL of a PostgreSQL database. */
  readonly store: string
  readonly screen: Screen
}

type Hospital = { readonly name: string; readonly folder: string; readonly config: string }

/** In a folder that was claimed. */
export async function runDemo(runtime: Runtime, options: DemoOptions): Promise<Results> {
  const hospitals = options.sites.map((name) => settle(options, name))
  const inside = exceptedFromProxies(runtime.env)
  Object.assign(process.env, inside)
  const processes = createProcesses({ ...runtime, env: { ...runtime.env, ...inside } })
  const trainer = createTrainer()
  try {
    return await Promise.race([federate(runtime, options, { hospitals, processes, trainer }), processes.broken])
  } catch (error) {
    // Ctrl-C ends the children as well, and that they are gone may be heard first: it is no breakdown.
    await turn()
    throw runtime.signal.aborted ? new WardroundError('WR_CANCELLED', {}, { cause: error }) : error
  } finally {
    await processes.end()
    await trainer.close()
  }
}

/** A demo begins anew, and deletes what the last one left. Errors: WR_USAGE where that is a network that no demo made. */
export function claim(out: string): void {
  const marker = join(out, '.wardround-demo')
  if (existsSync(join(out, 'coordinator')) && !existsSync(marker)) throw usageOf('demo')(usageWords.notADemo(out))
  outFolder(out)
  writeOut(marker, '')
}

/** A proxy leads out of the house, and the hospitals of a demo are all in this machine. */
export function exceptedFromProxies(env: Runtime['env']): { readonly NO_PROXY: string; readonly no_proxy: string } {
  const others = env.no_proxy ?? env.NO_PROXY ?? ''
  const excepted = [...(others === '' ? [] : [others]), '127.0.0.1'].join(',')
  return { NO_PROXY: excepted, no_proxy: excepted }
}

/** A hospital's folder: its own copy of its own file, and its site.yaml. */
function settle({ out, siteFiles, dataFolder }: DemoOptions, name: string): Hospital {
  const folder = join(out, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const document = parseDocument(readFileSync(join(siteFiles, `${name}.yaml`), 'utf8'))
  const file = String(document.getIn(['data', 'file']))
  copyFileSync(join(dataFolder, file), join(folder, file))
  const config = join(folder, 'site.yaml')
  writeFileSync(config, document.toString())
  return { name, folder, config }
}

type Parts = { readonly hospitals: readonly Hospital[]; readonly processes: Processes; readonly trainer: Trainer }

async function federate(
  runtime: Runtime,
  options: DemoOptions,
  { hospitals, processes, trainer }: Parts,
): Promise<Results> {
  const { clock, entropy, ed25519, disk, version, signal } = runtime
  const coordinatorFolder = join(options.out, 'coordinator')
  rmSync(coordinatorFolder, { recursive: true, force: true })
  mkdirSync(coordinatorFolder, { recursive: true, mode: 0o700 })
  const coordinator = processes.start(
    'coordinator',
    ['coordinator', '--dir', coordinatorFolder, '--port', '0', '--store', options.store, '--json'],
    join(coordinatorFolder, 'coordinator.log'),
  )
  // While the coordinator starts.
  trainer.warm(options.parsed.study)
  const { accessFile } = JSON.parse(await coordinator.firstLine()) as { accessFile: string }
  const account = await openAccount(runtime, accessFile)
  try {
    const { client } = account
    for (const { name, folder, config } of hospitals) {
      const { token } = await client.call('createToken', { body: { site: name } })
      await joinNetwork({ folder, token, clock, entropy, ed25519, disk, version })
      processes.start(name, ['site', 'run', '--dir', folder, '--config', config], join(folder, 'site.log'))
    }
    const { id } = await publishStudy(client, options.parsed)
    for (const hospital of hospitals) await approve(runtime, { hospital, trainer, study: id })
    await client.call('start', { params: { study: id }, body: {} })
    const pooled = pooledLater(runtime, options, { hospitals, trainer })
    await watchStudy(client, id, {
      clock,
      signal,
      onEvent: (event) => {
        options.screen.apply(event)
        if (event.kind === 'study.prepared')
          pooled.begin(
            client
              .call('study', { params: { study: id } })
              .then(({ preparation }) => preparationSchema.parse(preparation)),
          )
      },
    })
    const results = await client.call('results', { params: { study: id } })
    return { ...withCentralised(results, await pooled.result), machine: machineOf(version) }
  } finally {
    await account.close()
  }
}

async function approve(
  runtime: Runtime,
  { hospital, trainer, study }: { hospital: Hospital; trainer: Trainer; study: string },
): Promise<void> {
  const { clock, entropy, ed25519, disk, version } = runtime
  const site = await openSite({
    folder: hospital.folder,
    config: readConfig(hospital.config),
    dataFolder: hospital.folder,
    trainer,
    clock,
    entropy,
    ed25519,
    disk,
    version,
    log: () => undefined,
  })
  await approveAt(site, study).finally(site.close)
}

/** The pooled model trains beside the rounds, as soon as the preparation is known. */
function pooledLater(
  { signal }: Runtime,
  { parsed }: DemoOptions,
  { hospitals, trainer }: Pick<Parts, 'hospitals' | 'trainer'>,
) {
  const { promise, resolve, reject } = Promise.withResolvers<Centralised>()
  promise.catch(() => undefined)
  const sites = hospitals
    .map(({ name, folder, config }) => ({
      name,
      dataset: datasetCache({ config: readConfig(config), folder, site: name }),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const begin = (preparation: Promise<ReturnType<typeof preparationSchema.parse>>): void => {
    preparation
      .then((known) =>
        trainCentralised({
          study: parsed.study,
          planHash: parsed.planHash,
          preparation: known,
          sites,
          trainer,
          signal,
        }),
      )
      .then(resolve, reject)
  }
  return { begin, result: promise }
}
