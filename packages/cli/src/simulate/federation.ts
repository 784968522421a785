/**
 * A whole federation in one process: the real coordinator and the real sites, wired by function calls where a network would be. Nothing here
 * knows how a round works.
 */
import { join } from 'node:path'
import { memoryBlobs } from '@wardround/coordinator/blobs/memory.ts'
import { createCoordinator } from '@wardround/coordinator/server.ts'
import { openStore } from '@wardround/coordinator/store/store.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Network, SiteWorld } from '@wardround/core/ports.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import type { WrittenStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { newKeyPair } from '@wardround/core/protocol/signing.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { openSite, runSite, type SiteOptions } from '@wardround/site/agent.ts'
import { type Client, createClient } from '@wardround/site/client.ts'
import type { SiteConfig } from '@wardround/site/config.ts'
import type { SiteLog } from '@wardround/site/context.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import type { FastifyInstance } from 'fastify'
import { approveAt, findingSentences, publishStudy, watchStudy } from '../federation.ts'

export type SimulatedSite = { readonly name: string; readonly config: SiteConfig; readonly dataFolder: string }

export type SimulationOptions = SiteWorld & {
  readonly parsed: Pick<WrittenStudy, 'plan' | 'firstWeights'>
  readonly sites: readonly SimulatedSite[]
  /** Where sites keep their keys, journals and studies. */
  readonly folder: string
  readonly trainer: Trainer
  readonly version: string
  readonly signal: AbortSignal
  readonly onEvent: (event: StoredEvent) => void
  readonly log: SiteLog
}

/** Requests answered by the server itself, without a socket. */
export function injectedNetwork(app: FastifyInstance): Network {
  return {
    async send({ method, path, headers, body, signal }) {
      const answered = app.inject({
        method,
        url: path,
        headers: { ...headers },
        ...(body === undefined ? {} : { payload: Buffer.from(body) }),
      })
      const response = await unlessAborted(answered, signal)
      const flat = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
      return { status: response.statusCode, headers: flat, body: once(response.rawPayload) }
    },
  }
}

/** Rejects as soon as the asker gives up. */
function unlessAborted<T>(answered: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answered
  return new Promise<T>((resolve, reject) => {
    const give = (): void => reject(new WardroundError('WR_CANCELLED'))
    if (signal.aborted) give()
    signal.addEventListener('abort', give, { once: true })
    // A site asks thousands of times on one signal: nothing of an answered request may stay with it.
    answered.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export type Simulated = { readonly results: Results; readonly client: Client }

/** From nothing to results; then `after` may still ask the coordinator. */
export async function simulate<T>(options: SimulationOptions, after: (simulated: Simulated) => Promise<T>): Promise<T> {
  const { clock, entropy, ed25519, disk, version } = options
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, () => new Date(clock.now()).toISOString())
  const coordinator = await createCoordinator({
    store,
    blobs: memoryBlobs(),
    clock,
    entropy,
    ed25519,
    keys: newKeyPair(ed25519, entropy),
    version,
    log: () => undefined,
  })
  const network = injectedNetwork(coordinator.app)
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const { secret } = decodeToken('access', await coordinator.createAccess('simulation', 'https://localhost'))
  const client = createClient({ network, clock, entropy, version, identity: { kind: 'account', secret } })
  const siteOptions = options.sites.map(
    (site): SiteOptions => ({
      folder: join(options.folder, site.name),
      config: site.config,
      dataFolder: site.dataFolder,
      trainer: options.trainer,
      clock,
      entropy,
      ed25519,
      disk,
      version,
      log: (level, message, cause) => options.log(level, `${site.name}: ${message}`, cause),
      signal,
      network,
    }),
  )
  const running: Promise<void>[] = []
  try {
    for (const [index, site] of options.sites.entries()) {
      const { token } = await client.call('createToken', { body: { site: site.name } })
      const folder = siteOptions[index]?.folder ?? ''
      await joinNetwork({ folder, token, clock, entropy, ed25519, disk, version, network })
    }
    const { id } = await publishStudy(client, options.parsed)
    for (const own of siteOptions) await withOpen(own, (site) => approveAt(site, id))
    running.push(...siteOptions.map(runSite))
    await client.call('start', { params: { study: id }, body: {} })
    await Promise.race([watched(client, id, { ...options, signal }), brokenDown(running)])
    return await after({ results: await client.call('results', { params: { study: id } }), client })
  } finally {
    stop.abort()
    await Promise.allSettled(running)
    await coordinator.close()
  }
}

/** What preflight found is said here: afterwards there is no coordinator left to ask. */
async function watched(
  client: Client,
  study: string,
  { onEvent, log, signal }: Pick<SimulationOptions, 'onEvent' | 'log' | 'signal'>,
): Promise<void> {
  try {
    await watchStudy(client, study, { onEvent, signal })
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'WR_STUDY_PREFLIGHT') {
      for (const sentence of await findingSentences(client, study)) log('warn', sentence)
    }
    throw error
  }
}

async function withOpen(
  options: SiteOptions,
  work: (site: Awaited<ReturnType<typeof openSite>>) => Promise<void>,
): Promise<void> {
  const site = await openSite(options)
  await work(site).finally(site.close)
}

/** Rejects when a site ends with an error; never resolves. */
const brokenDown = (running: readonly Promise<void>[]): Promise<never> =>
  new Promise((_, reject) => {
    for (const site of running) site.catch(reject)
  })
