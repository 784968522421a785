import assert from 'node:assert/strict'
import crypto, { type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { base64urlnopad } from '../base64.ts'
import { ed25519By } from '../ed25519.ts'
import { type Proof, parseProof, proofHolds, prove } from './proof.ts'
import { keyFileSchema, newKeyFile, newKeyPair, readKeyFile, sign, verify } from './signing.ts'

const ed25519 = ed25519By<KeyObject>(crypto)
const newKeys = () => newKeyPair(ed25519, crypto.randomBytes)
const subject = { method: 'GET', path: '/v1/site/task?wait=20', bodySha256: '0'.repeat(64), audience: 'A'.repeat(43) }
const stamp = { time: 1_700_000_000_000, nonce: 'abcdefghijklmnop' }
const context = 'wardround-task-v1'

test('a signature holds for its text, its key and its purpose, and for nothing else', () => {
  const [mine, other] = [newKeys(), newKeys()]
  const claim = { context, document: 'text', signature: sign(mine, context, 'text') } as const
  assert.equal(verify(ed25519, mine.publicKey, claim), true)
  assert.equal(verify(ed25519, mine.publicKey, { ...claim, document: 'texT' }), false)
  assert.equal(verify(ed25519, other.publicKey, claim), false)
  assert.equal(verify(ed25519, mine.publicKey, { ...claim, context: 'wardround-grant-v1' }), false)
})

test('garbage in place of keys and signatures is false, not a crash', () => {
  for (const garbage of ['', '!', 'AAAA', 'A'.repeat(43), '_'.repeat(42), 'é'.repeat(20)]) {
    assert.equal(verify(ed25519, garbage, { context, document: 'x', signature: 'A'.repeat(86) }), false)
    assert.equal(verify(ed25519, newKeys().publicKey, { context, document: 'x', signature: garbage }), false)
  }
})

test('a key from disk signs as the one that was born, and the file is PKCS #8 as others read it', () => {
  const file = newKeyFile(ed25519, crypto.randomBytes)
  const read = readKeyFile(ed25519, keyFileSchema.parse(JSON.parse(JSON.stringify(file))))
  assert.ok(read !== undefined)
  assert.equal(read.publicKey, file.publicKey)
  const foreign = crypto.createPrivateKey({ key: Buffer.from(file.pkcs8, 'base64'), format: 'der', type: 'pkcs8' })
  const signature = crypto.sign(null, Buffer.from(`${context}\nx`), foreign).toString('base64url')
  assert.equal(sign(read, context, 'x'), signature)
  assert.equal(verify(ed25519, file.publicKey, { context, document: 'x', signature }), true)
})

test('a key file that WebCrypto wrote is read', async () => {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).toBase64()
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  const publicKey = base64urlnopad.encode(raw)
  assert.equal(readKeyFile(ed25519, { publicKey, pkcs8 })?.publicKey, publicKey)
})

test('a damaged key file is none', () => {
  const file = newKeyFile(ed25519, crypto.randomBytes)
  const [pkcs8, publicKey] = [Uint8Array.fromBase64(file.pkcs8), newKeys().publicKey]
  assert.equal(readKeyFile(ed25519, { ...file, publicKey }), undefined)
  for (const bad of [pkcs8.subarray(1), pkcs8.subarray(0, -1), pkcs8.with(0, 1), new Uint8Array()])
    assert.equal(readKeyFile(ed25519, { ...file, pkcs8: bad.toBase64() }), undefined)
})

test('RFC 8032, section 7.1, tests 1 to 3 and SHA(abc): keys and signatures, to the bit', () => {
  for (const { secret, publicKey, message, signature } of vectors) {
    const keys = ed25519.keysOf(Uint8Array.fromHex(secret))
    assert.equal(keys.publicKey.toHex(), publicKey)
    assert.equal(Buffer.from(keys.sign(Uint8Array.fromHex(message))).toHex(), signature)
    const claim = {
      publicKey: keys.publicKey,
      message: Uint8Array.fromHex(message),
      signature: Uint8Array.fromHex(signature),
    }
    assert.equal(ed25519.verify(claim), true)
    for (let bit = 0; bit < 512; bit++) {
      const bad = Uint8Array.fromHex(signature)
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(ed25519.verify({ ...claim, signature: bad }), false)
    }
  }
})

const vectors = [
  {
    secret: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    secret: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    secret: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
]

test('a proof holds for one request only', () => {
  const keys = newKeys()
  const proof = parseProof(prove({ site: 'ward-1', keys }, subject, stamp))
  assert.ok(proof !== undefined)
  const { publicKey } = keys
  assert.equal(proofHolds(ed25519, proof, { subject, publicKey }), true)
  for (const change of [{ method: 'POST' }, { path: '/v1/site/task?wait=21' }, { audience: 'B'.repeat(43) }]) {
    const changed = { ...subject, ...change }
    assert.equal(proofHolds(ed25519, proof, { subject: changed, publicKey }), false, JSON.stringify(change))
  }
  for (const change of [
    { site: 'ward-2' },
    { time: stamp.time + 1 },
    { nonce: 'abcdefghijklmnoq' },
    { bodySha256: '1'.repeat(64) },
  ]) {
    const changed: Proof = { ...proof, ...change }
    assert.equal(proofHolds(ed25519, changed, { subject, publicKey }), false, JSON.stringify(change))
  }
})

test('headers that are no proofs are undefined', () => {
  for (const header of ['', 'Bearer x', 'Wardround ', 'Wardround site="a"', `Wardround ${'x'.repeat(2000)}`]) {
    assert.equal(parseProof(header), undefined)
  }
})

test('base64url: RFC 4648 section 10 vectors, and what is none', () => {
  const text = (value: string) => base64urlnopad.encode(new TextEncoder().encode(value))
  assert.deepEqual(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map(text), [
    '',
    'Zg',
    'Zm8',
    'Zm9v',
    'Zm9vYg',
    'Zm9vYmE',
    'Zm9vYmFy',
  ])
  assert.equal(base64urlnopad.tryDecode('a'), undefined)
  assert.equal(base64urlnopad.tryDecode('a+b/'), undefined)
})
