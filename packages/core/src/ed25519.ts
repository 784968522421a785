/** Ed25519 by the functions of Node's crypto module, which whoever has them gives: core imports nothing that a browser has not. */
import type { Ed25519 } from './ports.ts'

type Raw<Format extends string> = {
  readonly key: Uint8Array
  readonly format: Format
  readonly asymmetricKeyType: 'ed25519'
}

type RawExport = { export(options: { format: 'raw-public' }): Uint8Array }

/** What is used of `node:crypto`, where `Key` is its KeyObject. */
export type SigningFunctions<Key extends RawExport> = {
  createPrivateKey(from: Raw<'raw-private'>): Key
  createPublicKey(from: Raw<'raw-public'> | Key): Key
  sign(algorithm: null, message: Uint8Array, key: Key): Uint8Array
  verify(algorithm: null, message: Uint8Array, key: Key, signature: Uint8Array): boolean
}

/** Keys in the platform's form: each request of a site is checked with the same one. */
const keptKeys = 10_000

export function ed25519By<Key extends RawExport>(crypto: SigningFunctions<Key>): Ed25519 {
  const kept = new Map<string, Key>()
  const publicKeyOf = (raw: Uint8Array): Key => {
    const name = raw.toHex()
    const known = kept.get(name)
    if (known !== undefined) return known
    if (kept.size >= keptKeys) kept.clear()
    const made = crypto.createPublicKey({ key: raw, format: 'raw-public', asymmetricKeyType: 'ed25519' })
    kept.set(name, made)
    return made
  }
  return {
    keysOf(secret) {
      const key = crypto.createPrivateKey({ key: secret, format: 'raw-private', asymmetricKeyType: 'ed25519' })
      const publicKey = new Uint8Array(crypto.createPublicKey(key).export({ format: 'raw-public' }))
      return { publicKey, sign: (message) => crypto.sign(null, message, key) }
    },
    verify: ({ publicKey, message, signature }) =>
      publicKey.length === 32 &&
      signature.length === 64 &&
      crypto.verify(null, message, publicKeyOf(publicKey), signature),
  }
}
