/** The data owner's word: which studies are offered, what they are, and the signed decision on one. */
import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import type { SiteWorld } from '@wardround/core/ports.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { readPlan, validatePlan } from '@wardround/core/protocol/plan.ts'
import { type KeyPair, sign, verify } from '@wardround/core/protocol/signing.ts'
import { type Grant, grantSchema, type Offer, offerSchema } from '@wardround/core/protocol/task.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Client } from './client.ts'
import type { SiteContext } from './context.ts'
import type { Journal } from './journal.ts'
import { type Approval, studyFolder } from './study-folder.ts'

export type OfferedStudy = {
  readonly id: string
  readonly study: Study
  readonly plan: Record<string, unknown>
  readonly planHash: string
  readonly decision: 'approved' | 'refused' | null
}

/** Offers with the coordinator's signature, read and hashed for ourselves. Errors: WR_SIGNATURE_INVALID, WR_BODY_INVALID, WR_PLAN_ALTERED, WR_STUDY_INVALID. */
export async function offeredStudies({
  client,
  ed25519,
  membership,
}: Pick<SiteContext, 'client' | 'ed25519' | 'membership'>): Promise<OfferedStudy[]> {
  const { offers } = await client.call('offers')
  return offers.map(({ document, signature, decision }) => {
    if (!verify(ed25519, membership.coordinatorKey, { context: 'wardround-offer-v1', document, signature }))
      throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'an offer' })
    const offer = readOffer(document)
    const { study, plan, planHash } = validatePlan(offer.plan)
    if (planHash !== offer.planHash) throw new WardroundError('WR_PLAN_ALTERED', { study: offer.study })
    return { id: offer.study, study, plan, planHash, decision }
  })
}

/** Signed, and yet no offer: a coordinator of another make. */
function readOffer(document: string): Offer {
  try {
    return offerSchema.parse(parseJson(document))
  } catch (error) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'offer', problem: 'it is no offer' }, { cause: error })
  }
}

export type DecideOptions = Pick<SiteWorld, 'clock' | 'disk'> & {
  readonly folder: string
  readonly site: string
  readonly keys: KeyPair
  readonly client: Client
  readonly journal: Journal
  readonly reason?: string
}

/** Signs the decision, keeps it, and tells the coordinator. The plan that it is about is kept beside it. */
export async function decide(offer: OfferedStudy, decision: Grant['decision'], options: DecideOptions): Promise<Grant> {
  const { site, keys, client, journal, clock, reason } = options
  const grant: Grant = {
    version: 1,
    study: offer.id,
    planHash: offer.planHash,
    site,
    decision,
    decidedAt: clock.now(),
    ...(reason === undefined ? {} : { reason }),
  }
  const document = canonicalJson(grant)
  const signed = { document, signature: sign(keys, 'wardround-grant-v1', document) }
  const kept = studyFolder(options, offer.id)
  kept.savePlan(offer.plan)
  kept.saveGrant(signed)
  journal.write('decided', { study: offer.id, planHash: offer.planHash, decision })
  await client.call('decide', { body: signed })
  return grant
}

type Approving = Pick<SiteContext, 'folder' | 'disk' | 'keys' | 'membership' | 'ed25519'>

/** The approved plan of a study, as this site's own files have it. Errors: WR_NOT_APPROVED, WR_PLAN_ALTERED, WR_SIGNATURE_INVALID. */
export type ApprovedPlan = (study: string, planHash: string) => Study

/**
 * For one who asks before each thing that is done: the files are read each time, and what they come to is worked out again where a byte of them is
 * another than the last time.
 */
export function approvedPlans(site: Approving): ApprovedPlan {
  const known = new Map<string, { readonly approval: Approval; readonly planHash: string; readonly plan: Study }>()
  return (id, planHash) => {
    const approval = studyFolder(site, id).approval()
    const last = known.get(id)
    if (last?.planHash === planHash && isSame(last.approval, approval)) return last.plan
    known.delete(id)
    const plan = planIn(site, approval, { id, planHash })
    known.set(id, { approval, planHash, plan })
    return plan
  }
}

const isSame = (one: Approval, other: Approval): boolean =>
  [
    [one.grant, other.grant],
    [one.plan, other.plan],
  ].every(([a, b]) => Buffer.compare(a?.bytes ?? nothing, b?.bytes ?? nothing) === 0)

const nothing = new Uint8Array()

function planIn(
  { keys, membership, ed25519 }: Approving,
  approval: Approval,
  { id, planHash }: { id: string; planHash: string },
): Study {
  const [signed, plan] = [approval.grant.value(), approval.plan.value()]
  if (signed === undefined || plan === undefined) throw new WardroundError('WR_NOT_APPROVED', { study: id })
  if (!verify(ed25519, keys.publicKey, { context: 'wardround-grant-v1', ...signed }))
    throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'the grant' })
  const grant = grantSchema.parse(JSON.parse(signed.document))
  if (grant.decision !== 'approved' || grant.study !== id || grant.site !== membership.site)
    throw new WardroundError('WR_NOT_APPROVED', { study: id })
  const { study, planHash: own } = readPlan(JSON.stringify(plan))
  if (own !== grant.planHash || planHash !== grant.planHash) throw new WardroundError('WR_PLAN_ALTERED', { study: id })
  return study
}
