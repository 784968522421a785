/** The steps of a whole study, for demo and simulation, where one person plays every part. Each is the very function a command uses. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Estimates } from '@wardround/core/metrics/schema.ts'
import type { Clock } from '@wardround/core/ports.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import type { WrittenStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { RouteAnswer } from '@wardround/core/protocol/routes.ts'
import { preflightSentence } from '@wardround/core/words/en/preflight.ts'
import type { OpenSite } from '@wardround/site/agent.ts'
import { decide, offeredStudies } from '@wardround/site/approvals.ts'
import { type Client, type Patience, persistently } from '@wardround/site/client.ts'

/** The data owner's part: reads the offer, signs, sends. */
export async function approveAt(site: OpenSite, studyId: string): Promise<void> {
  const offer = (await offeredStudies(site)).find(({ id }) => id === studyId)
  if (offer === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: studyId })
  site.errand({ study: offer.id, planHash: offer.planHash })
  await decide(offer, 'approved', { ...site, site: site.membership.site })
}

/** The researcher's part: the plan, and where its model is from a file the first weights. What was cut short goes on when it is called again. Errors: WR_STUDY_EXISTS, where nothing was missing, … */
export async function publishStudy(
  client: Client,
  { plan, firstWeights }: Pick<WrittenStudy, 'plan' | 'firstWeights'>,
  signal?: AbortSignal,
): Promise<RouteAnswer<'publish'>> {
  const summary = await client.call('publish', { body: { plan } }).catch((error: unknown) => {
    const isThere = error instanceof WardroundError && error.code === 'WR_STUDY_EXISTS'
    if (!isThere || firstWeights === undefined) throw error
    return client.call('study', { params: { study: String(error.parameters.study) } })
  })
  if (firstWeights !== undefined) await giveWeights(client, { study: summary.id, bytes: firstWeights, signal })
  return summary
}

/** What travels in one request. */
const pieceBytes = 4 << 20

type Giving = { readonly study: string; readonly bytes: Uint8Array; readonly signal: AbortSignal | undefined }

/** Piece by piece; what has come before need not come again. */
async function giveWeights(client: Client, { study, bytes, signal }: Giving): Promise<void> {
  const sizeBytes = bytes.length
  for (let offset = 0; offset < sizeBytes; ) {
    const asked = { params: { study }, query: { offset, sizeBytes } }
    const piece = { bytes: bytes.subarray(offset, offset + pieceBytes), ...(signal === undefined ? {} : { signal }) }
    const { receivedBytes } = await client.call('giveWeights', asked, piece)
    if (receivedBytes <= offset) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes })
    offset = receivedBytes
  }
}

export type Watching = {
  readonly onEvent: (event: StoredEvent) => void
  /** With a clock, at most ten pages a second: a person sees no faster, and asking after every single event costs more than the round does. */
  readonly clock?: Pick<Clock, 'sleep'>
  readonly after?: number
  /** A coordinator that cannot be reached for a while is waited for. Absent: that is an error. */
  readonly patience?: Patience
  readonly signal?: AbortSignal
}

const pauseMs = 100

/** Follows a study's events until it has ended. Errors: WR_STUDY_PREFLIGHT where preflight has stopped it, WR_CANCELLED. */
export async function watchStudy(
  client: Client,
  study: string,
  { onEvent, clock, after = 0, signal, patience }: Watching,
): Promise<void> {
  let sequence = after
  const ask = <T>(work: () => Promise<T>): Promise<T> =>
    patience === undefined ? work() : persistently(work, patience)
  for (;;) {
    if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
    const query = { after: sequence, study, wait: 20 }
    const page = await ask(() => client.call('events', { query }, signal === undefined ? {} : { signal }))
    for (const event of page.events) {
      onEvent(event)
      if (event.kind === 'study.ended') return
    }
    sequence = page.sequence
    const blocked = page.events.findLast((event) => event.kind === 'study.blocked')
    // It may have been mended and started again since.
    if (blocked !== undefined && (await ask(() => client.call('study', { params: { study } }))).state === 'blocked')
      throw new WardroundError('WR_STUDY_PREFLIGHT', { study, sites: blocked.payload.sites })
    await clock?.sleep(pauseMs, signal)
  }
}

/** Preflight's findings as sentences. */
export async function findingSentences(client: Client, study: string): Promise<string[]> {
  const { findings } = await client.call('study', { params: { study } })
  return Object.entries(findings).flatMap(([site, list]) => list.map((finding) => preflightSentence(site, finding)))
}

/** The entries that scripts read: figures without the statistics they came from. */
export function publicResults(results: Results) {
  type Model = Results['overall']['federated']
  const model = ({ statistic: _, ...estimates }: Model): Estimates => estimates
  const optional = (value: Model | null) => (value === null ? null : model(value))
  return {
    study: results.study,
    studyId: results.studyId,
    planHash: results.planHash,
    weightsSha256: results.weightsSha256,
    outcome: results.outcome,
    rounds: results.rounds.length,
    bestRound: results.bestRound,
    stoppedBecause: results.stoppedBecause,
    bytesUp: results.bytesUp,
    bytesDown: results.bytesDown,
    sites: results.sites.map(({ name, nTrain, nTest, local, federated, centralised, difference, localRounds }) => ({
      name,
      nTrain,
      nTest,
      local: model(local),
      federated: model(federated),
      centralised: optional(centralised),
      difference,
      localRounds,
    })),
    overall: {
      local: model(results.overall.local),
      federated: model(results.overall.federated),
      centralised: optional(results.overall.centralised),
    },
  }
}
