/** A coordinator and sites over real TLS in this process, each site in its own folder: for tests that look inside. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCoordinator } from '@wardround/coordinator/start.ts'
import type { WrittenStudy } from '@wardround/core/protocol/plan.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { openSite, runSite, type SiteOptions } from '@wardround/site/agent.ts'
import { createClient } from '@wardround/site/client.ts'
import { readConfig } from '@wardround/site/config.ts'
import { httpsNetwork, trustOf } from '@wardround/site/http.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { approveAt, publishStudy, watchStudy } from '../packages/cli/src/federation.ts'
import { clock, disk, ed25519, entropy, hospital, version } from './support.ts'

export type TestSite = {
  readonly name: string
  readonly folder: string
  readonly options: SiteOptions
  readonly log: string[]
}

/** On a free port of this machine, if not said otherwise. */
export const localCoordinator = (folder: string, port = 0): ReturnType<typeof startCoordinator> =>
  startCoordinator({
    folder,
    host: '127.0.0.1',
    port,
    store: 'sqlite',
    clock,
    entropy,
    ed25519,
    version,
    log: () => undefined,
  })

/** A coordinator alone, and its first account. */
export async function localAccount(folder: string) {
  const { coordinator, url } = await localCoordinator(folder)
  const access = decodeToken('access', readFileSync(join(folder, 'access'), 'utf8'))
  const network = httpsNetwork(url, trustOf(access))
  const identity = { kind: 'account', secret: access.secret } as const
  return {
    client: createClient({ network, clock, entropy, version, identity }),
    async close(): Promise<void> {
      await network.close()
      await coordinator.close()
    },
  }
}

export async function openFederation(
  folder: string,
  tables: Readonly<Record<string, string>>,
  {
    publicUrl,
    versions = {},
    trainers = {},
  }: {
    publicUrl?: (url: string) => Promise<string>
    versions?: Readonly<Record<string, string>>
    /** Of sites that do not share one. */
    trainers?: Readonly<Record<string, Trainer>>
  } = {},
) {
  const stop = new AbortController()
  const { coordinator, url } = await localCoordinator(join(folder, 'coordinator'))
  const seen = await publicUrl?.(url)
  if (seen !== undefined) coordinator.setPublicUrl(seen)
  const trainer = createTrainer()
  const access = decodeToken('access', readFileSync(join(folder, 'coordinator', 'access'), 'utf8'))
  const network = httpsNetwork(url, trustOf(access))
  const client = createClient({
    network,
    clock,
    entropy,
    version,
    identity: { kind: 'account', secret: access.secret },
  })
  const sites: TestSite[] = []
  for (const [name, table] of Object.entries(tables)) {
    const { token } = await client.call('createToken', { body: { site: name } })
    const own = hospital(join(folder, name), table)
    const settling = { name, folder: own, token, trainer: trainers[name] ?? trainer, signal: stop.signal }
    sites.push(await settled({ ...settling, version: versions[name] ?? version }))
  }
  const running: Promise<void>[] = []
  return {
    coordinator,
    client,
    url,
    sites,
    /** Publishes, and lets every site approve. */
    async publish(parsed: WrittenStudy, approving: readonly TestSite[] = sites): Promise<string> {
      const { id } = await publishStudy(client, parsed)
      for (const { options } of approving) await approves(options, id)
      return id
    },
    runSites: (names: readonly string[] = sites.map(({ name }) => name)) =>
      void running.push(...sites.filter(({ name }) => names.includes(name)).map(({ options }) => runSite(options))),
    async finish(id: string) {
      await client.call('start', { params: { study: id }, body: {} })
      await watchStudy(client, id, { onEvent: () => undefined, signal: AbortSignal.timeout(60_000) })
      return client.call('results', { params: { study: id } })
    },
    async close(): Promise<void> {
      stop.abort()
      await Promise.allSettled(running)
      await network.close()
      await trainer.close()
      await coordinator.close()
    },
  }
}

type Settling = {
  readonly name: string
  readonly folder: string
  readonly token: string
  readonly trainer: Trainer
  readonly signal: AbortSignal
  /** Another than this one. */
  readonly version?: string
}

/** Its data owner's yes. */
export async function approves(options: SiteOptions, study: string): Promise<void> {
  const site = await openSite(options)
  await approveAt(site, study).finally(site.close)
}

/** A hospital that has joined. */
export async function settled({ name, folder, token, trainer, signal, ...given }: Settling): Promise<TestSite> {
  const own = given.version ?? version
  await joinNetwork({ folder, token, clock, entropy, ed25519, disk, version: own })
  const log: string[] = []
  const config = readConfig(join(folder, 'site.yaml'))
  const options: SiteOptions = {
    folder,
    config,
    dataFolder: folder,
    trainer,
    clock,
    entropy,
    ed25519,
    disk,
    version: own,
    log: (_, message) => void log.push(message),
    signal,
  }
  return { name, folder, options, log }
}
