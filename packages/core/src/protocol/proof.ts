/**
 * A signed request. The signature covers the method, the path, the body's digest, the time, a nonce and the coordinator's
 * key, so that a captured request is worth nothing later, elsewhere or with another body.
 */
import { z } from 'zod'
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

const proofSchema = z.strictObject({
  site: z.string().min(1).max(63),
  time: z.coerce.number().int(),
  nonce: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  signature: z.string().max(100),
})
export type Proof = z.output<typeof proofSchema>

export type Prover = { readonly site: string; readonly keys: KeyPair }

/** The value of the `authorization` header for one request. */
export async function prove(prover: Prover, subject: ProofSubject, stamp: { time: number; nonce: string }) {
  const signature = await sign(prover.keys, 'wardround-proof-v1', proofText(prover.site, subject, stamp))
  return `Wardround site="${prover.site}", time="${stamp.time}", nonce="${stamp.nonce}", signature="${signature}"`
}

/** The parts of an `authorization` header, or undefined where it is not a proof. */
export function parseProof(header: string): Proof | undefined {
  if (header.length > 1000 || !header.startsWith('Wardround ')) return undefined
  const fields = Object.fromEntries(
    [...header.slice(10).matchAll(/([a-z]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
  )
  return proofSchema.safeParse(fields).data
}

export const proofHolds = (proof: Proof, subject: ProofSubject, publicKey: PublicKey): Promise<boolean> =>
  verify(publicKey, 'wardround-proof-v1', {
    document: proofText(proof.site, subject, proof),
    signature: proof.signature,
  })

const proofText = (site: string, subject: ProofSubject, stamp: { time: number; nonce: string }): string =>
  [site, subject.method, subject.path, subject.bodySha256, subject.audience, stamp.time, stamp.nonce].join('\n')
