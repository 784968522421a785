import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { makeCertificate } from './certificate.ts'

const now = new Date('2026-01-01T00:00:00Z')
const hosts = ['localhost', 'coordinator.example', '127.0.0.1', '::1']

test('it names the hosts it was made for, names as names and addresses as addresses', async () => {
  const certificate = new X509Certificate((await makeCertificate(hosts, now)).certificate)
  assert.equal(
    certificate.subjectAltName,
    'DNS:localhost, DNS:coordinator.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  assert.equal(certificate.checkHost('elsewhere.example', { subject: 'never' }), undefined)
  assert.equal(certificate.checkIP('127.0.0.2'), undefined)
})

test('it vouches for itself, for a server, with a key of its own, from a day ago until 397 days from now', async () => {
  const [{ certificate: pem, key }, other] = [await makeCertificate(hosts, now), await makeCertificate(hosts, now)]
  const certificate = new X509Certificate(pem)
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)))
  assert.ok(!certificate.checkPrivateKey(createPrivateKey(other.key)))
  assert.notEqual(certificate.serialNumber, new X509Certificate(other.certificate).serialNumber)
  // id-kp-serverAuth, RFC 5280, section 4.2.1.12
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.deepEqual(certificate.publicKey.asymmetricKeyDetails, { namedCurve: 'prime256v1' })
  assert.equal(certificate.validFromDate.toISOString(), '2025-12-31T00:00:00.000Z')
  // 365 days and 32 more.
  assert.equal(certificate.validToDate.toISOString(), '2027-02-02T00:00:00.000Z')
})

test('TLS 1.3 accepts it from who trusts it, by name and by address, and for no other name', async () => {
  const { certificate, key } = await makeCertificate(hosts, new Date())
  const server = createServer({ cert: certificate, key, minVersion: 'TLSv1.3' }, (socket) => socket.end('welcome'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = (options: { servername?: string; ca?: string }): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ca: certificate, ...options })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('data', (data) => resolve(String(data)))
      socket.setTimeout(10_000, () => reject(new Error('no answer')))
    })
  assert.equal(await ask({ servername: 'localhost' }), 'welcome')
  assert.equal(await ask({ servername: 'coordinator.example' }), 'welcome')
  assert.equal(await ask({}), 'welcome')
  assert.equal(await ask({ servername: 'elsewhere.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  const stranger = await makeCertificate(hosts, new Date())
  assert.equal(await ask({ servername: 'localhost', ca: stranger.certificate }), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  server.close()
})
