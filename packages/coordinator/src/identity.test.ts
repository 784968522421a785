import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sign, verify } from '@wardround/core/protocol/signing.ts'
import { certificateKeySha256, coordinatorKeys, ownCertificate, privateFolder, writePrivate } from './identity.ts'
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

test('the certificate is kept as long as it names every host; then another is made, for the same key', async () => {
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
    assert.equal(after.key, before.key)
    assert.equal(certificateKeySha256(after.certificate), certificateKeySha256(before.certificate))
    assert.ok(new X509Certificate(after.certificate).checkPrivateKey(createPrivateKey(after.key)))
    assert.deepEqual(await ownCertificate(other, hosts, now), after)
  }
})

test('it is made anew thirty days before it expires, and where it is not valid yet: the clock was set back', async () => {
  const folder = freshFolder()
  const first = await ownCertificate(folder, ['localhost'], now)
  const { validToDate } = new X509Certificate(first.certificate)
  const at = (days: number): Date => new Date(validToDate.getTime() + days * 86_400_000)
  assert.deepEqual(await ownCertificate(folder, ['localhost'], at(-31)), first)
  const second = await ownCertificate(folder, ['localhost'], at(-29))
  assert.notEqual(second.certificate, first.certificate)
  assert.ok(new X509Certificate(second.certificate).validToDate > at(300))
  const third = await ownCertificate(folder, ['localhost'], at(-100))
  assert.notEqual(third.certificate, second.certificate)
  for (const { key } of [second, third]) assert.equal(key, first.key)
})

test('a damaged certificate is made anew; a damaged key is not: another one would shut every site out', async () => {
  const folder = freshFolder()
  const first = await ownCertificate(folder, ['localhost'], now)
  writeFileSync(join(folder, 'certificate.pem'), first.certificate.slice(0, 100))
  assert.equal((await ownCertificate(folder, ['localhost'], now)).key, first.key)
  const file = join(folder, 'certificate.key')
  writeFileSync(file, first.key.slice(0, 100))
  await assert.rejects(ownCertificate(folder, ['localhost'], now), coded('WR_CONFIG', { file }))
})

test('an IPv6 address is recognised, however it is written', async () => {
  const folder = freshFolder()
  const made = await ownCertificate(folder, ['::1', '2001:db8::1'], now)
  for (const hosts of [['::1'], ['0:0:0:0:0:0:0:1'], ['2001:DB8:0::1']])
    assert.deepEqual(await ownCertificate(folder, hosts, now), made, hosts.join())
})

test('a key without its certificate, or beside that of another, is kept, and a certificate made for it', async () => {
  const folder = freshFolder()
  const first = await ownCertificate(folder, ['localhost'], now)
  const other = await ownCertificate(freshFolder(), ['localhost'], now)
  writeFileSync(join(folder, 'certificate.key'), other.key)
  const mended = await ownCertificate(folder, ['localhost'], now)
  assert.notEqual(mended.certificate, first.certificate)
  assert.equal(certificateKeySha256(mended.certificate), certificateKeySha256(other.certificate))
})

test('the pin is the SHA-256 of the key as RFC 7469 pins it', () => {
  // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pinned
  const pem = `-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUZz5POURVxplgr6WOzo2xtSrgoMQwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGcGlubmVkMB4XDTI2MTEyNjA0NDUwMloXDTM2MTEyMzA0NDUw
MlowETEPMA0GA1UEAwwGcGlubmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
lAwj3TWBqHfq8zdpnq1QlkFYyLBN7OqMrIuqVxogHPw+WZHiPtl+zOf4iyz8HYi2
HmejPezIMhGiiv+kRwDTjqNTMFEwHQYDVR0OBBYEFKEKgBePqzqwuUENUPhHED6j
U0QtMB8GA1UdIwQYMBaAFKEKgBePqzqwuUENUPhHED6jU0QtMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAJ8dsvnqWxkbjmuliMmYBtExNvbi+SkY
VGJh/WY7RtTaAiAEbLCPJNZh8V/lz3TG8CD73hykEuL3c2R8jQ9ZGLm+xw==
-----END CERTIFICATE-----
`
  // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256
  assert.equal(certificateKeySha256(pem), '1a34978fab71e10b167c0fc389071b4d1deff29d6a117660d74b8970e103a813')
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
