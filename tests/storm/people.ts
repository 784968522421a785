/** The researcher: invites, publishes, starts, and looks until the study has ended; each step again until it was thanked for. */
import { asWardroundError, type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { type Client, createClient } from '@wardround/site/client.ts'
import type { Hospital } from './hospital.ts'
import type { SimulatedLine } from './line.ts'
import { seededEntropy, version } from './machine.ts'
import type { Scheduler } from './scheduler.ts'
import type { StormStudy } from './study.ts'

export type ResearcherOptions = {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly line: SimulatedLine
  readonly secret: string
  readonly study: StormStudy
  readonly hospitals: readonly Hospital[]
  readonly stopped: AbortSignal
}

/** Resolves when the study has ended. Errors: what no waiting mends. */
export async function researcher({
  seed,
  scheduler,
  line,
  secret,
  study,
  hospitals,
  stopped,
}: ResearcherOptions): Promise<void> {
  const random = seededRandom([seed, 'researcher'])
  const clock = scheduler.clock('the researcher', () => 0)
  const entropy = seededEntropy(seed, 'researcher')
  const network = line.network({ gone: stopped })
  const client: Client = createClient({ network, clock, entropy, version, identity: { kind: 'account', secret } })
  const pause = (atMostMs: number): Promise<void> =>
    scheduler.park('the researcher waits', 500 + random.below(atMostMs), stopped)
  /** `already`: it was done before, and the thanks were lost. */
  const again = async <T>(work: () => Promise<T>, already: readonly ErrorCode[] = []): Promise<T | undefined> => {
    for (;;) {
      if (stopped.aborted) throw new WardroundError('WR_CANCELLED')
      try {
        return await work()
      } catch (error) {
        const { code, retry } = asWardroundError(error)
        if (already.includes(code)) return undefined
        if (retry === 'permanent' && code !== 'WR_QUORUM_IMPOSSIBLE') throw error
      }
      await pause(20_000)
    }
  }
  const invite = async (own: Hospital): Promise<void> => {
    const answer = await again(() =>
      client.call('createToken', { body: { site: own.name, validForMs: 30 * 86_400_000 } }),
    )
    if (answer !== undefined) await own.join(answer.token)
  }
  const id = `${study.parsed.study.name}-${study.parsed.planHash.slice(0, 8)}`
  const params = { study: id }
  await again(() => client.call('publish', { body: { plan: study.parsed.plan } }), ['WR_STUDY_EXISTS'])
  const approving = hospitals.map((own) => invite(own).then(() => own.decide(id, 'approved')))
  await (random.below(4) === 0 ? Promise.any(approving) : Promise.all(approving))
  for (;;) {
    const detail = await again(() => client.call('studies'))
    const state = detail?.studies.find((one) => one.id === id)?.state
    if (state === 'ended') break
    // Not every hospital has approved, or preflight has found too few: started again.
    if (state === 'published' || state === 'blocked')
      await again(() => client.call('start', { params, body: {} }), ['WR_STUDY_STATE'])
    await pause(40_000)
  }
}
