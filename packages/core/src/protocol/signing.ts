/**
 * Ed25519 (RFC 8032) through WebCrypto, which Node and browsers share: signed documents and signed requests.
 * A signature is over the exact text that travels, never over a re-serialised value.
 */
import { base64urlnopad } from '../base64.ts'
import { WardroundError } from '../errors.ts'

/** A public key: 32 raw bytes in base64url. */
export type PublicKey = string

export type KeyPair = { readonly publicKey: PublicKey; readonly privateKey: CryptoKey }

/** A document as it travels: its canonical text and the signature over `context`, a line feed and that text. */
export type Signed = { readonly document: string; readonly signature: string }

/** What a signature is for; a signature for one purpose never counts for another. */
export type SigningContext = 'wardround-task-v1' | 'wardround-offer-v1' | 'wardround-grant-v1' | 'wardround-proof-v1'

/** A new key pair; `pkcs8` is the private key for the owner's disk and nowhere else. */
export async function generateKeyPair(): Promise<KeyPair & { readonly pkcs8: Uint8Array }> {
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new WardroundError('WR_INTERNAL', { what: 'Ed25519 gave no key pair' })
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { publicKey: base64urlnopad.encode(raw), privateKey: pair.privateKey, pkcs8 }
}

/** The private key on disk, with the public key kept beside it. */
export async function importKeyPair(pkcs8: Uint8Array<ArrayBuffer>, publicKey: PublicKey): Promise<KeyPair> {
  return { publicKey, privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']) }
}

export async function sign(keys: KeyPair, context: SigningContext, text: string): Promise<string> {
  const signature = await crypto.subtle.sign('Ed25519', keys.privateKey, message(context, text))
  return base64urlnopad.encode(new Uint8Array(signature))
}

/** Whether `signature` is `publicKey`'s over `text` for `context`; a malformed key or signature is simply false. */
export async function verify(
  publicKey: PublicKey,
  context: SigningContext,
  { document, signature }: Signed,
): Promise<boolean> {
  const raw = base64urlnopad.tryDecode(publicKey)
  const bytes = base64urlnopad.tryDecode(signature)
  if (raw?.length !== 32 || bytes?.length !== 64) return false
  return crypto.subtle.verify('Ed25519', await keyOf(publicKey, raw), bytes, message(context, document))
}

/** Keys in the platform's form: each request of a site is checked with the same one. */
const knownKeys = new Map<PublicKey, Promise<CryptoKey>>()
const knownKeysLimit = 1000

function keyOf(publicKey: PublicKey, raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const known = knownKeys.get(publicKey)
  if (known !== undefined) return known
  if (knownKeys.size >= knownKeysLimit) knownKeys.clear()
  const made = crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify'])
  knownKeys.set(publicKey, made)
  return made
}

const message = (context: SigningContext, text: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`${context}\n${text}`)
