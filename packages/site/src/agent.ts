/** The site's loop: ask for work, do it, ask again. Outbound only; whatever goes wrong is waited out and said. */
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import type { Network, SiteWorld } from '@wardround/core/ports.ts'
import type { Signed } from '@wardround/core/protocol/signing.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { approvedPlans } from './approvals.ts'
import { blobFetcher } from './blob.ts'
import { type Client, createClient, type Patience, persistently, pollSeconds } from './client.ts'
import type { SiteConfig } from './config.ts'
import type { SiteContext, SiteLog } from './context.ts'
import { type DatasetCache, datasetCache } from './dataset.ts'
import { type Errand, journalled } from './egress/release.ts'
import { heldBlob } from './held-blob.ts'
import { httpsNetwork } from './http.ts'
import { membershipOf, siteKeys } from './identity.ts'
import { openJournal } from './journal.ts'
import { createOutbox } from './outbox.ts'
import { progressReader } from './progress.ts'
import { clearScratch } from './scratch.ts'
import { runTask } from './task.ts'
import type { Trainer } from './training/trainer.ts'

export type SiteOptions = SiteWorld & {
  /** Where the site keeps its key, journal and studies. */
  readonly folder: string
  readonly config: SiteConfig
  /** Where data.file is looked for. */
  readonly dataFolder: string
  readonly trainer: Trainer
  readonly version: string
  readonly log: SiteLog
  readonly signal?: AbortSignal
  /** Requests without a network, in one process with the coordinator. */
  readonly network?: Network
  /** Records that are in memory already, instead of `config.data.file`. */
  readonly dataset?: DatasetCache
  /** The largest piece of an upload. */
  readonly pieceBytes?: number
}

export type OpenSite = SiteContext & { close(): Promise<void> }

/** Errors: WR_NOT_JOINED, WR_CHAIN_BROKEN, WR_PERMISSION. */
export async function openSite(options: SiteOptions): Promise<OpenSite> {
  const { folder, config, clock, entropy, ed25519, disk, version, log } = options
  const membership = membershipOf(disk, folder)
  const keys = siteKeys(folder, options)
  const progress = progressReader()
  const journal = openJournal({ path: join(folder, 'journal.ndjson'), disk, clock, read: progress.read })
  const closable = options.network === undefined ? httpsNetwork(membership.url, membership.trust) : undefined
  const network = options.network ?? closable
  if (network === undefined) throw new WardroundError('WR_INTERNAL', { what: 'no way to the coordinator' })
  const approvedPlan = approvedPlans({ folder, disk, keys, membership, ed25519 })
  let errand: Errand = { to: membership.url, study: '', planHash: '' }
  const onSend: ReturnType<typeof journalled> = (request) => {
    // The grant may have been taken back since the task began, also between two tries and two pieces.
    if (errand.result !== undefined) approvedPlan(errand.study, errand.planHash)
    journalled(journal, errand)(request)
  }
  const held = heldBlob()
  const client = createClient({
    held,
    network,
    identity: { kind: 'site', site: membership.site, keys, coordinatorKey: membership.coordinatorKey },
    clock,
    entropy,
    version,
    onSend,
  })
  const { signal } = options
  const patience: Patience = {
    clock,
    entropy,
    signal,
    onWait: (error, waitMs) => {
      log('warn', siteWords.waitingFor(error.sentences, Math.ceil(waitMs / 1000)), error)
      if (error.code === 'WR_DISK') void tellHindered(client, log)
    },
    onBack: () => log('info', siteWords.back()),
  }
  return {
    folder,
    version,
    membership,
    keys,
    journal,
    progress,
    config,
    clock,
    entropy,
    ed25519,
    disk,
    log,
    trainer: options.trainer,
    client,
    approvedPlan,
    fetchBlob: blobFetcher({ client, patience, disk, folder }, held),
    outbox: createOutbox(disk, folder),
    dataset: options.dataset ?? ownDataset(options, membership.site),
    pieceBytes: options.pieceBytes,
    signal,
    errand: (next) => {
      errand = { to: membership.url, ...next }
    },
    patience,
    close: async () => {
      journal.close()
      await closable?.close()
    },
  }
}

const ownDataset = ({ config, dataFolder, disk, folder }: SiteOptions, site: string): DatasetCache =>
  datasetCache({ config, folder: dataFolder, site, keep: { disk, folder: join(folder, 'images') } })

/** Tells the coordinator, if it can be told, why nothing comes: by a request without a body, which no journal need record. */
async function tellHindered(client: Client, log: SiteLog): Promise<void> {
  try {
    await client.call('nextTask', { query: { hindered: 'disk' } })
  } catch (error) {
    log('warn', siteWords.notTold(asWardroundError(error).sentences.what))
  }
}

/** Runs until `signal` aborts. Errors: those that no waiting mends (WR_SITE_UNKNOWN, WR_SITE_LEFT, WR_LOCKED, WR_CHAIN_BROKEN, WR_VERSION). */
export async function runSite(options: SiteOptions): Promise<void> {
  const lock = options.disk.lock(join(options.folder, 'run.lock'))
  try {
    const release = lock.take()
    await runLocked(options).finally(release)
  } finally {
    lock.close()
  }
}

async function runLocked(options: SiteOptions): Promise<void> {
  const site = await openSite(options)
  const work = async (): Promise<void> => {
    await persistently(async () => clearScratch(site), site.patience)
    await loop(site)
  }
  await work().finally(site.close)
}

async function loop(site: SiteContext): Promise<void> {
  const { client, patience, signal } = site
  const options = signal === undefined ? {} : { signal }
  const ask = () => client.call('nextTask', { query: { wait: pollSeconds } }, options)
  site.log('info', siteWords.waiting())
  let task: Signed | null = null
  while (signal?.aborted !== true) {
    try {
      // What came with the thanks for the last task need not be asked for.
      task ??= (await persistently(ask, patience)).task
      const given: Signed | null = task
      if (given !== null) task = await persistently(() => runTask(site, given), patience)
    } catch (error) {
      if (signal?.aborted || asWardroundError(error).code === 'WR_CANCELLED') return
      throw error
    }
  }
}
