/** Signed documents and requests. A signature is over the exact text that travels, never over a re-serialised value. */
import { z } from 'zod'
import { base64urlnopad } from '../base64.ts'
import type { Ed25519, Entropy } from '../ports.ts'

/** A public key: 32 raw bytes in base64url. */
export type PublicKey = string

export type KeyPair = { readonly publicKey: PublicKey; readonly sign: (message: Uint8Array) => Uint8Array }

/** A document as it travels: its canonical text and the signature over `context`, a line feed and that text. */
export type Signed = { readonly document: string; readonly signature: string }

/** What a signature is for; a signature for one purpose never counts for another. */
export type SigningContext =
  | 'wardround-task-v1'
  | 'wardround-offer-v1'
  | 'wardround-grant-v1'
  | 'wardround-proof-v1'
  | 'wardround-study-v1'

const secretBytes = 32

export const newKeyPair = (ed25519: Ed25519, entropy: Entropy): KeyPair => keyPairOf(ed25519, entropy(secretBytes))

function keyPairOf(ed25519: Ed25519, secret: Uint8Array): KeyPair {
  const { publicKey, sign } = ed25519.keysOf(secret)
  return { publicKey: base64urlnopad.encode(publicKey), sign }
}

/** A key pair on its owner's disk, and nowhere else. */
export const keyFileSchema = z.strictObject({ publicKey: z.string(), pkcs8: z.base64() })
export type KeyFile = z.output<typeof keyFileSchema>

/** What stands before the secret in PKCS #8 (RFC 8410, section 7). */
const pkcs8Head = Uint8Array.fromHex('302e020100300506032b657004220420')

/** A new key pair for the disk. */
export function newKeyFile(ed25519: Ed25519, entropy: Entropy): KeyFile {
  const secret = entropy(secretBytes)
  const pkcs8 = new Uint8Array(pkcs8Head.length + secretBytes)
  pkcs8.set(pkcs8Head)
  pkcs8.set(secret, pkcs8Head.length)
  return { publicKey: keyPairOf(ed25519, secret).publicKey, pkcs8: pkcs8.toBase64() }
}

/** The key pair of a file, or undefined where it is damaged. */
export function readKeyFile(ed25519: Ed25519, file: KeyFile): KeyPair | undefined {
  const pkcs8 = Uint8Array.fromBase64(file.pkcs8)
  const secret = pkcs8.subarray(pkcs8Head.length)
  if (secret.length !== secretBytes || pkcs8Head.some((byte, at) => pkcs8[at] !== byte)) return undefined
  const keys = keyPairOf(ed25519, secret)
  return keys.publicKey === file.publicKey ? keys : undefined
}

export const sign = (keys: KeyPair, context: SigningContext, text: string): string =>
  base64urlnopad.encode(keys.sign(message(context, text)))

export type Claim = Signed & { readonly context: SigningContext }

/** Whether the signature is `publicKey`'s over the document for its context; a malformed key or signature is simply false. */
export function verify(ed25519: Ed25519, publicKey: PublicKey, { context, document, signature }: Claim): boolean {
  const [key, bytes] = [base64urlnopad.tryDecode(publicKey), base64urlnopad.tryDecode(signature)]
  if (key === undefined || bytes === undefined) return false
  return ed25519.verify({ publicKey: key, message: message(context, document), signature: bytes })
}

const message = (context: SigningContext, text: string): Uint8Array => new TextEncoder().encode(`${context}\n${text}`)
