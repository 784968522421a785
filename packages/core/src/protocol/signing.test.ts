import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64urlnopad } from '../base64.ts'
import { parseProof, proofHolds, prove } from './proof.ts'
import { generateKeyPair, importKeyPair, sign, verify } from './signing.ts'

const subject = { method: 'GET', path: '/v1/site/task?wait=20', bodySha256: '0'.repeat(64), audience: 'A'.repeat(43) }
const stamp = { time: 1_700_000_000_000, nonce: 'abcdefghijklmnop' }

test('a signature holds for its text, its key and its purpose, and for nothing else', async () => {
  const [mine, other] = [await generateKeyPair(), await generateKeyPair()]
  const signature = await sign(mine, 'wardround-task-v1', 'text')
  assert.equal(await verify(mine.publicKey, 'wardround-task-v1', { document: 'text', signature }), true)
  assert.equal(await verify(mine.publicKey, 'wardround-task-v1', { document: 'texT', signature }), false)
  assert.equal(await verify(other.publicKey, 'wardround-task-v1', { document: 'text', signature }), false)
  assert.equal(await verify(mine.publicKey, 'wardround-grant-v1', { document: 'text', signature }), false)
})

test('garbage in place of keys and signatures is false, not a crash', async () => {
  for (const garbage of ['', '!', 'AAAA', 'A'.repeat(43), 'é'.repeat(20)]) {
    assert.equal(await verify(garbage, 'wardround-task-v1', { document: 'x', signature: 'A'.repeat(86) }), false)
    const { publicKey } = await generateKeyPair()
    assert.equal(await verify(publicKey, 'wardround-task-v1', { document: 'x', signature: garbage }), false)
  }
})

test('a key from disk signs as the one that was born', async () => {
  const born = await generateKeyPair()
  const read = await importKeyPair(Uint8Array.from(born.pkcs8), born.publicKey)
  assert.equal(await sign(read, 'wardround-task-v1', 'x'), await sign(born, 'wardround-task-v1', 'x'))
})

test("RFC 8032, section 7.1, test 1: the standard's key and signature", async () => {
  const hex = (text: string) => Uint8Array.fromHex(text)
  const key = await crypto.subtle.importKey(
    'raw',
    hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    'Ed25519',
    false,
    ['verify'],
  )
  const signature = hex(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  )
  assert.equal(await crypto.subtle.verify('Ed25519', key, signature, new Uint8Array()), true)
})

test('a proof holds for one request only', async () => {
  const keys = await generateKeyPair()
  const proof = parseProof(await prove({ site: 'ward-1', keys }, subject, stamp))
  assert.ok(proof !== undefined)
  assert.equal(await proofHolds(proof, subject, keys.publicKey), true)
  for (const change of [
    { method: 'POST' },
    { path: '/v1/site/task?wait=21' },
    { bodySha256: '1'.repeat(64) },
    { audience: 'B'.repeat(43) },
  ]) {
    assert.equal(await proofHolds(proof, { ...subject, ...change }, keys.publicKey), false, JSON.stringify(change))
  }
  for (const change of [{ site: 'ward-2' }, { time: stamp.time + 1 }, { nonce: 'abcdefghijklmnoq' }]) {
    assert.equal(await proofHolds({ ...proof, ...change }, subject, keys.publicKey), false, JSON.stringify(change))
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
