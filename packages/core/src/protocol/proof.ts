/**
 * A signed request. The signature covers the method, the path, the body's digest, the time, a nonce and the coordinator's
 * key, so that a captured request is worth nothing later, elsewhere or with another body. The digest stands in the proof itself: who asks
 * is known from the head alone, before a byte of the body is taken in.
 */
import type { Ed25519 } from '../ports.ts'
import { type KeyPair, type PublicKey, sign, verify } from './signing.ts'

/** How far a proof's time may lie from the coordinator's clock. Nonces are remembered for twice as long. */
export const proofWindowMs = 60_000

export type ProofSubject = {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** SHA-256 of the body in hexadecimal; of no bytes where there is no body. */
  readonly bodySha256: string
  /** The coordinator the request is meant for. */
  readonly audience: PublicKey
}

export type Proof = {
  readonly site: string
  readonly time: number
  readonly nonce: string
  /** What the body's must be. */
  readonly bodySha256: string
  readonly signature: string
}

const proofPattern =
  /^Wardround site="([^"]{1,63})", time="(\d{1,15})", nonce="([A-Za-z0-9_-]{16,64})", body="([0-9a-f]{64})", signature="([^"]{0,100})"$/

export type Prover = { readonly site: string; readonly keys: KeyPair }

/** The value of the `authorization` header for one request. */
export function prove(prover: Prover, subject: ProofSubject, stamp: { time: number; nonce: string }): string {
  const { site, keys } = prover
  const signature = sign(keys, 'wardround-proof-v1', proofText(site, subject, stamp))
  return `Wardround site="${site}", time="${stamp.time}", nonce="${stamp.nonce}", body="${subject.bodySha256}", signature="${signature}"`
}

/** The parts of an `authorization` header, or undefined where it is not a proof. */
export function parseProof(header: string): Proof | undefined {
  const [, site, time, nonce, bodySha256, signature] = proofPattern.exec(header) ?? []
  if (site === undefined || nonce === undefined || bodySha256 === undefined || signature === undefined) return undefined
  return { site, time: Number(time), nonce, bodySha256, signature }
}

/** Whether the site signed it for this request, by its key as it joined; what arrives as the body is to be held against `bodySha256`. */
export const proofHolds = (
  ed25519: Ed25519,
  proof: Proof,
  { subject, publicKey }: { readonly subject: Omit<ProofSubject, 'bodySha256'>; readonly publicKey: PublicKey },
): boolean =>
  verify(ed25519, publicKey, {
    context: 'wardround-proof-v1',
    document: proofText(proof.site, { ...subject, bodySha256: proof.bodySha256 }, proof),
    signature: proof.signature,
  })

const proofText = (site: string, subject: ProofSubject, stamp: { time: number; nonce: string }): string =>
  [site, subject.method, subject.path, subject.bodySha256, subject.audience, stamp.time, stamp.nonce].join('\n')
