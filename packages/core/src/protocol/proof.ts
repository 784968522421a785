/**
 * A signed request. The signature covers the method, the path, the body's digest, the time, a nonce and the coordinator's
 * key, so that a captured request is worth nothing later, elsewhere or with another body.
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
  readonly signature: string
}

const proofPattern =
  /^Wardround site="([^"]{1,63})", time="(\d{1,15})", nonce="([A-Za-z0-9_-]{16,64})", signature="([^"]{0,100})"$/

export type Prover = { readonly site: string; readonly keys: KeyPair }

/** The value of the `authorization` header for one request. */
export function prove(prover: Prover, subject: ProofSubject, stamp: { time: number; nonce: string }): string {
  const signature = sign(prover.keys, 'wardround-proof-v1', proofText(prover.site, subject, stamp))
  return `Wardround site="${prover.site}", time="${stamp.time}", nonce="${stamp.nonce}", signature="${signature}"`
}

/** The parts of an `authorization` header, or undefined where it is not a proof. */
export function parseProof(header: string): Proof | undefined {
  const [, site, time, nonce, signature] = proofPattern.exec(header) ?? []
  if (site === undefined || nonce === undefined || signature === undefined) return undefined
  return { site, time: Number(time), nonce, signature }
}

/** `publicKey` is the site's, as it joined. */
export const proofHolds = (
  ed25519: Ed25519,
  proof: Proof,
  { subject, publicKey }: { readonly subject: ProofSubject; readonly publicKey: PublicKey },
): boolean =>
  verify(ed25519, publicKey, {
    context: 'wardround-proof-v1',
    document: proofText(proof.site, subject, proof),
    signature: proof.signature,
  })

const proofText = (site: string, subject: ProofSubject, stamp: { time: number; nonce: string }): string =>
  [site, subject.method, subject.path, subject.bodySha256, subject.audience, stamp.time, stamp.nonce].join('\n')
