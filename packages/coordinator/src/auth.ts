/** Who is asking: an account by its secret, a site by its signed proof. */

import { timingSafeEqual } from 'node:crypto'
import { base64urlnopad } from '@wardround/core/base64.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Entropy } from '@wardround/core/ports.ts'
import { type ProofSubject, parseProof, proofHolds, proofWindowMs } from '@wardround/core/protocol/proof.ts'
import type { Context } from './context.ts'
import { sha256Of } from './digest.ts'
import type { Store } from './store/store.ts'

export const newSecret = (entropy: Entropy): string => base64urlnopad.encode(entropy(32))

/** The name of the account whose secret it is. Secrets are stored as digests and compared in constant time. Errors: WR_CREDENTIALS. */
export async function accountOf(store: Store, header: string | undefined): Promise<string> {
  const given = Buffer.from(sha256Of(header?.startsWith('Bearer ') ? header.slice(7).trim() : ''), 'hex')
  const account = (await store.accounts()).find((row) => timingSafeEqual(given, Buffer.from(row.secret_sha256, 'hex')))
  if (account === undefined) throw new WardroundError('WR_CREDENTIALS')
  return account.name
}

/** Who asks, and what the digest of the body must be that comes with it. */
export type Proven = { readonly site: string; readonly bodySha256: string }
export type ProofChecker = (
  header: string | undefined,
  subject: Pick<ProofSubject, 'method' | 'path'>,
) => Promise<Proven>

/** Errors: WR_PROOF_INVALID where another body came than was signed. */
export function requireBody(proven: Proven, bodySha256: string): void {
  if (bodySha256 !== proven.bodySha256) throw new WardroundError('WR_PROOF_INVALID')
}

/**
 * Checks signed requests and remembers their nonces for as long as their times are accepted. A restart forgets them, so a
 * proof dated before this process started is refused. What remains: one dated in the last `clockSlackMs` before it, or by a clock that
 * runs ahead, counts once more; whoever has it must have broken TLS first, and a site's requests do again only what they did.
 */
export function proofChecker({
  store,
  clock,
  keys,
  ed25519,
}: Pick<Context, 'store' | 'clock' | 'keys' | 'ed25519'>): ProofChecker {
  const startedAt = clock.steadyNow()
  const seen = new Map<string, number>()
  return async (header, subject) => {
    const proof = parseProof(header ?? '')
    if (proof === undefined) throw new WardroundError('WR_PROOF_INVALID')
    const row = await store.site(proof.site)
    if (row === undefined) throw new WardroundError('WR_SITE_UNKNOWN', { site: proof.site })
    const audience = keys.publicKey
    if (!proofHolds(ed25519, proof, { subject: { ...subject, audience }, publicKey: row.public_key }))
      throw new WardroundError('WR_PROOF_INVALID')
    const now = clock.steadyNow()
    const skewMs = proof.time - now
    if (Math.abs(skewMs) > proofWindowMs) throw new WardroundError('WR_PROOF_CLOCK', { skewMs })
    const nonce = `${proof.site}/${proof.nonce}`
    if (seen.has(nonce) || proof.time < startedAt - clockSlackMs) throw new WardroundError('WR_PROOF_REPLAYED')
    forgetOld(seen, now)
    seen.set(nonce, proof.time + proofWindowMs)
    if (row.state === 'left') throw new WardroundError('WR_SITE_LEFT', { site: proof.site })
    return { site: proof.site, bodySha256: proof.bodySha256 }
  }
}

/** Clocks of healthy machines differ by this much; a proof this much older than the process is not taken for a replay. */
const clockSlackMs = 2000

/** Nonces in order of arrival; those whose time would no longer be accepted can go. */
function forgetOld(seen: Map<string, number>, now: number): void {
  for (const [nonce, until] of seen) {
    if (until >= now) return
    seen.delete(nonce)
  }
}

/** One minor version either way. Errors: WR_VERSION. */
export function checkVersion(theirs: string | undefined, ours: string): void {
  if (theirs === undefined) return
  const [major, minor] = numbersOf(theirs)
  const [ourMajor, ourMinor] = numbersOf(ours)
  if (major !== ourMajor || !(Math.abs(minor - ourMinor) <= 1)) throw new WardroundError('WR_VERSION', { theirs, ours })
}

/** Major and minor; NaN, which fits nothing, where it is no version. */
function numbersOf(version: string): readonly [major: number, minor: number] {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+$/.exec(version) ?? []
  return [Number(major), Number(minor)]
}
