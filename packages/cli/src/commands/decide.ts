/** `wardround site approve|refuse`: the data owner reads, and signs. */
import { createInterface } from 'node:readline/promises'
import { WardroundError } from '@wardround/core/errors.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { describePlan, describeReleases } from '@wardround/core/words/en/study.ts'
import type { OpenSite } from '@wardround/site/agent.ts'
import { decide, type OfferedStudy, offeredStudies } from '@wardround/site/approvals.ts'
import { minimumCohortOf } from '@wardround/site/egress/policy.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { withSite } from '../site-session.ts'

type Options = CommonOptions & { dir?: string; config?: string; yes?: boolean; reason?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export const siteApprove = (runtime: Runtime, { args: [id = ''], options }: Typed): Promise<Outcome> =>
  withSite(runtime, options, async (site) => {
    const offers = await offeredStudies(site)
    if (id === '') return listed(offers)
    const offer = chosen(offers, id)
    const lines = explained(offer, site)
    const { leaves, never } = releasesAt(site, offer)
    const read = { study: offer.id, planHash: offer.planHash, plan: describePlan(offer.study), leaves, never }
    if (!options.yes) {
      if (!options.json) for (const line of lines) runtime.stdout.write(`${line}\n`)
      // A script signs with --yes, and only so.
      if (options.json || !(await confirmed(runtime)))
        return { data: { ...read, decision: null }, lines: [cliWords.notDecided()] }
    }
    await sendDecision(site, offer, { decision: 'approved' })
    return {
      data: { ...read, decision: 'approved' },
      lines: [...(options.yes ? lines : []), cliWords.decided(offer.id, 'approved')],
    }
  })

export const siteRefuse = (runtime: Runtime, { args: [id = ''], options }: Typed): Promise<Outcome> =>
  withSite(runtime, options, async (site) => {
    const offer = chosen(await offeredStudies(site), id)
    await sendDecision(site, offer, {
      decision: 'refused',
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    })
    return { data: { study: offer.id, decision: 'refused' }, lines: [cliWords.decided(offer.id, 'refused')] }
  })

async function sendDecision(
  site: OpenSite,
  offer: OfferedStudy,
  { decision, reason }: { decision: 'approved' | 'refused'; reason?: string },
): Promise<void> {
  site.errand({ study: offer.id, planHash: offer.planHash })
  await decide(offer, decision, { ...site, site: site.membership.site, ...(reason === undefined ? {} : { reason }) })
}

function chosen(offers: readonly OfferedStudy[], id: string): OfferedStudy {
  const offer = offers.find((candidate) => candidate.id === id)
  if (offer === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
  return offer
}

const listed = (offers: readonly OfferedStudy[]): Outcome => ({
  data: {
    offers: offers.map(({ id, planHash, decision, study }) => ({
      study: id,
      planHash,
      decision,
      question: study.question,
    })),
  },
  lines:
    offers.length === 0
      ? [cliWords.noStudies()]
      : offers.map(({ id, decision, study }) => `${id}  ${decision ?? ''}  ${study.question}`),
})

const releasesAt = ({ config }: OpenSite, { study }: OfferedStudy): ReturnType<typeof describeReleases> =>
  describeReleases(study, minimumCohortOf(config.policy, study.data.minimumCohort))

/** The plan in plain words, and exactly what will leave. */
function explained(offer: OfferedStudy, site: OpenSite): string[] {
  const { id, planHash, study } = offer
  const { leaves, never } = releasesAt(site, offer)
  return [
    cliWords.approvalHeading(id, planHash),
    '',
    ...describePlan(study),
    '',
    cliWords.leavesHeading(),
    ...leaves.map(cliWords.item),
    cliWords.neverHeading(),
    ...never.map(cliWords.item),
    '',
  ]
}

/** No answer, as at the end of a file, is no. Errors: WR_CANCELLED. */
async function confirmed({ signal }: Runtime): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const unanswered = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  try {
    const asked = terminal.question(cliWords.approveQuestion(), { signal }).catch(() => '')
    const answer = await Promise.race([asked, unanswered])
    if (signal.aborted) throw new WardroundError('WR_CANCELLED')
    return answer.trim().toLowerCase() === 'yes'
  } finally {
    terminal.close()
  }
}
