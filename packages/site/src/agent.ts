/** A site as a program: what its tasks work with, and its life from lock to lock. Outbound only; whatever goes wrong is waited out and said. */
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import type { Network, SiteWorld } from '@wardround/core/ports.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { approvedPlans } from './approvals.ts'
import { type BlobFetcher, blobFetcher } from './blob.ts'
import { type Client, clientLine, type Patience, persistently } from './client.ts'
import type { SiteConfig } from './config.ts'
import type { SiteContext, SiteLog } from './context.ts'
import { type DatasetCache, datasetCache } from './dataset.ts'
import { type Errand, journalled } from './egress/release.ts'
import { heldBlob } from './held-blob.ts'
import { httpsNetwork } from './http.ts'
import { membershipOf, siteKeys } from './identity.ts'
import { createJobs } from './jobs.ts'
import { openJournal } from './journal.ts'
import { createOutbox } from './outbox.ts'
import { progressReader } from './progress.ts'
import { type ReceivedFiles, receivedFiles } from './received.ts'
import { clearScratch } from './scratch.ts'
import { workSideBySide } from './side-by-side.ts'
import { sharedTrainer, type TrainerPool } from './training/pool.ts'
import type { Trainer } from './training/trainer.ts'

export type SiteOptions = SiteWorld & {
  /** Where the site keeps its key, journal and studies. */
  readonly folder: string
  readonly config: SiteConfig
  /** Where data.file is looked for. */
  readonly dataFolder: string
  /** One for all tasks, or one for each. */
  readonly trainer: Trainer | TrainerPool
  /** Tasks of different studies at the same time, which are listened for. Absent: one, and nobody listens, so that on virtual time nobody sleeps while somebody works. */
  readonly atOnce?: number
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

export type OpenSite = SiteContext & {
  /** What a task of a study works with while others do beside it, until it is over. */
  beside(study: string): { readonly site: SiteContext; over(): void }
  close(): Promise<void>
}

/** Errors: WR_NOT_JOINED, WR_CHAIN_BROKEN, WR_PERMISSION. */
export async function openSite(options: SiteOptions): Promise<OpenSite> {
  const { folder, config, clock, entropy, ed25519, disk, version, log, signal, atOnce } = options
  const membership = membershipOf(disk, folder)
  const keys = siteKeys(folder, options)
  const progress = progressReader()
  const journal = openJournal({ path: join(folder, 'journal.ndjson'), disk, clock, read: progress.read })
  const closable = options.network === undefined ? httpsNetwork(membership.url, membership.trust) : undefined
  const network = options.network ?? closable
  if (network === undefined) throw new WardroundError('WR_INTERNAL', { what: 'no way to the coordinator' })
  const approvedPlan = approvedPlans({ folder, disk, keys, membership, ed25519 })
  const [jobs, held] = [createJobs(options), heldBlob(atOnce)]
  const identity = { kind: 'site', site: membership.site, keys, coordinatorKey: membership.coordinatorKey } as const
  const line = clientLine({ held, network, identity, clock, entropy, version })
  const sender = (study?: string): Sender =>
    senderOn(line, { to: membership.url, journal, approvedPlan, atWork: () => jobs.text(study) })
  const own = sender()
  const patience = patienceOf(options, own.client)
  const files = receivedFiles({ disk, folder, patience }, atOnce)
  const fetcher = (client: Client, from: ReceivedFiles): BlobFetcher =>
    blobFetcher({ client, patience, disk, folder }, held, { files: from })
  const trainers = 'take' in options.trainer ? options.trainer : sharedTrainer(options.trainer)
  const world = { clock, entropy, ed25519, disk }
  const site: SiteContext = {
    ...{ ...world, folder, version, membership, keys, journal, progress, config, log, signal, patience, jobs },
    ...own,
    trainer: trainers.trainer,
    approvedPlan,
    fetchBlob: fetcher(own.client, files),
    outbox: createOutbox(disk, folder),
    dataset: options.dataset ?? ownDataset(options, membership.site),
    pieceBytes: options.pieceBytes,
  }
  return {
    ...site,
    beside(study) {
      const [lent, taken, sends] = [trainers.take(study), files.forTask(), sender(study)]
      return {
        site: { ...site, ...sends, trainer: lent.trainer, fetchBlob: fetcher(sends.client, taken) },
        over() {
          lent.giveBack()
          taken.over()
        },
      }
    },
    close: async () => {
      journal.close()
      await closable?.close()
    },
  }
}

type Sender = Pick<SiteContext, 'client' | 'errand'>
type Sending = Pick<SiteContext, 'journal' | 'approvedPlan'> & {
  readonly to: string
  readonly atWork: () => string | undefined
}

/** A client of its own, and what is said of what leaves by it. */
function senderOn(line: ReturnType<typeof clientLine>, { to, journal, approvedPlan, atWork }: Sending): Sender {
  let errand: Errand = { to, study: '', planHash: '' }
  const client = line({
    atWork,
    onSend(request) {
      // The grant may have been taken back since the task began, also between two tries and two pieces.
      if (errand.result !== undefined) approvedPlan(errand.study, errand.planHash)
      journalled(journal, errand)(request)
    },
  })
  return {
    client,
    errand: (next) => {
      errand = { to, ...next }
    },
  }
}

const patienceOf = ({ clock, entropy, signal, log }: SiteOptions, client: Client): Patience => ({
  clock,
  entropy,
  signal,
  onWait: (error, waitMs) => {
    log('warn', siteWords.waitingFor(error.sentences, Math.ceil(waitMs / 1000)), error)
    if (error.code === 'WR_DISK') void tellHindered(client, log)
  },
  onBack: () => log('info', siteWords.back()),
})

const ownDataset = ({ config, dataFolder, disk, folder, atOnce }: SiteOptions, site: string): DatasetCache =>
  datasetCache({
    config,
    folder: dataFolder,
    site,
    keep: { disk, folder: join(folder, 'images') },
    ...(atOnce === undefined ? {} : { studies: atOnce }),
  })

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
  const gone = new AbortController()
  const signal = options.signal === undefined ? gone.signal : AbortSignal.any([options.signal, gone.signal])
  const site = await openSite({ ...options, signal })
  const work = async (): Promise<void> => {
    await persistently(async () => clearScratch(site), site.patience)
    await workSideBySide(site, () => gone.abort('gone'))
  }
  await work().finally(site.close)
}
