/** Real signatures for tests, by keys that are new each time. */
import crypto, { type KeyObject } from 'node:crypto'
import { ed25519By } from '@wardround/core/ed25519.ts'
import { type KeyPair, newKeyPair } from '@wardround/core/protocol/signing.ts'

export const ed25519 = ed25519By<KeyObject>(crypto)
export const newKeys = (): KeyPair => newKeyPair(ed25519, crypto.randomBytes)
