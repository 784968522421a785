import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sign, verify } from '@wardround/core/protocol/signing.ts'
import { certificateSha256, coordinatorKeys, ownCertificate, privateFolder, writePrivate } from './identity.ts'
import { coded } from './testing/errors.ts'
import { ed25519 } from './testing/keys.ts'
import { scratch } from './testing/scratch.ts'

const root = scratch()
let folders = 0
const freshFolder = (): string => privateFolder(join(root, `coordinator-${folders++}`))
const modeOf = (path: string): number => statSync(path).mode & 0o777
const world = { ed25519, entropy: randomBytes }
const now = new Date('2026-01-01T00:00:00Z')

test("the key is made once, is its owner's alone, and signs after a restart what was verified before it", () => {
  const folder = freshFolder()
  assert.equal(modeOf(folder), 0o700)
  const first = coordinatorKeys(folder, world)
  const file = join(folder, 'identity.json')
  assert.equal(modeOf(file), 0o600)
  const text = readFileSync(file, 'utf8')
  const again = coordinatorKeys(folder, world)
  assert.equal(again.publicKey, first.publicKey)
  assert.equal(readFileSync(file, 'utf8'), text)
  const context = 'wardround-task-v1'
  const signature = sign(again, context, 'a task')
  assert.ok(verify(ed25519, first.publicKey, { context, document: 'a task', signature }))
  // It cannot be read out of the running process: a public key and a function are all that there is.
  assert.deepEqual(
    Object.entries(again).map(([name, value]) => [name, typeof value]),
    [
      ['publicKey', 'string'],
      ['sign', 'function'],
    ],
  )
  assert.notEqual(coordinatorKeys(freshFolder(), world).publicKey, first.publicKey)
})

test('a damaged key file is named, and not replaced by a new identity', () => {
  const folder = freshFolder()
  coordinatorKeys(folder, world)
  const file = join(folder, 'identity.json')
  const good = readFileSync(file, 'utf8')
  const { publicKey, pkcs8 } = JSON.parse(good) as { publicKey: string; pkcs8: string }
  for (const damaged of [
    '',
    good.slice(0, -10),
    '{}',
    'null',
    JSON.stringify({ publicKey }),
    JSON.stringify({ publicKey, pkcs8: 'not base64!' }),
    JSON.stringify({ publicKey, pkcs8: pkcs8.slice(0, 32) }),
    JSON.stringify({ publicKey, pkcs8: `A${pkcs8.slice(1)}` }),
    JSON.stringify({ publicKey: coordinatorKeys(freshFolder(), world).publicKey, pkcs8 }),
    JSON.stringify({ publicKey, pkcs8, more: 1 }),
  ]) {
    writeFileSync(file, damaged)
    assert.throws(() => coordinatorKeys(folder, world), coded('WR_CONFIG', { file }), damaged)
    assert.equal(readFileSync(file, 'utf8'), damaged)
  }
  writeFileSync(file, good)
  assert.equal(coordinatorKeys(folder, world).publicKey, publicKey)
})

test('the certificate is kept as long as it names every host, and made anew, with its key, where it does not', async () => {
  const folder = freshFolder()
  const made = await ownCertificate(folder, ['localhost', '127.0.0.1'], now)
  for (const name of ['certificate.pem', 'certificate.key']) assert.equal(modeOf(join(folder, name)), 0o600)
  for (const hosts of [['localhost'], ['127.0.0.1', 'localhost']])
    assert.deepEqual(await ownCertificate(folder, hosts, now), made)
  for (const hosts of [['local'], ['127.0.0.10'], ['27.0.0.1'], ['wardround.example', 'localhost']]) {
    const other = freshFolder()
    const before = await ownCertificate(other, ['localhost', '127.0.0.1'], now)
    const after = await ownCertificate(other, hosts, now)
    assert.notEqual(after.certificate, before.certificate, hosts.join())
    assert.notEqual(after.key, before.key)
    assert.deepEqual(await ownCertificate(other, hosts, now), after)
  }
})

test('an IPv6 address is recognised, however it is written', async () => {
  const folder = freshFolder()
  const made = await ownCertificate(folder, ['::1', '2001:db8::1'], now)
  for (const hosts of [['::1'], ['0:0:0:0:0:0:0:1'], ['2001:DB8:0::1']])
    assert.deepEqual(await ownCertificate(folder, hosts, now), made, hosts.join())
})

test('a key without its certificate, or beside an older one, is made anew with it', async () => {
  const folder = freshFolder()
  const first = await ownCertificate(folder, ['localhost'], now)
  writeFileSync(join(folder, 'certificate.key'), (await ownCertificate(freshFolder(), ['elsewhere'], now)).key)
  // As a crash between both would leave it: asked for the name that the newer one was made for.
  const mended = await ownCertificate(folder, ['elsewhere'], now)
  assert.notEqual(mended.certificate, first.certificate)
  const { publicKey } = new X509Certificate(mended.certificate)
  assert.ok(publicKey.asymmetricKeyType === 'ec')
})

test('the pin is the SHA-256 of the certificate as it goes over the line', async () => {
  const { certificate } = await ownCertificate(freshFolder(), ['localhost'], now)
  // As openssl prints it: upper case, with colons.
  const { fingerprint256 } = new X509Certificate(certificate)
  assert.equal(certificateSha256(certificate), fingerprint256.replaceAll(':', '').toLowerCase())
})

test('private files are written whole, for their owner only, over whatever was there', () => {
  const path = join(freshFolder(), 'secret')
  writeFileSync(path, 'open to all', { mode: 0o644 })
  writePrivate(path, 'mine')
  assert.equal(readFileSync(path, 'utf8'), 'mine')
  assert.equal(modeOf(path), 0o600)
  assert.equal(existsSync(`${path}.new`), false)
})

test('a folder that cannot be written to is named', async () => {
  const file = join(root, 'a-file')
  writeFileSync(file, '')
  const inside = join(file, 'coordinator')
  assert.throws(() => privateFolder(inside), coded('WR_PERMISSION', { path: inside, action: 'write' }))
  assert.throws(() => writePrivate(join(inside, 'x'), ''), coded('WR_PERMISSION', { path: join(inside, 'x') }))
  assert.throws(() => coordinatorKeys(inside, world), coded('WR_PERMISSION', { path: join(inside, 'identity.json') }))
  await assert.rejects(ownCertificate(inside, ['localhost'], now), coded('WR_PERMISSION'))
})
