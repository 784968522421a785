import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { makeCertificate } from './certificate.ts'
import { certificateKeySha256 } from './identity.ts'
import { type Started, type StartOptions, startCoordinator } from './start.ts'
import { testClock } from './testing/clock.ts'
import { testEntropy } from './testing/entropy.ts'
import { coded } from './testing/errors.ts'
import { ed25519 } from './testing/keys.ts'
import { asAccount, caller } from './testing/requests.ts'
import { scratch } from './testing/scratch.ts'

const root = scratch()
let folders = 0
const freshFolder = (): string => join(root, `coordinator-${folders++}`)
const entropy = testEntropy('start')
const running: Started[] = []
after(async () => {
  for (const { coordinator } of running) await coordinator.close()
})

async function start(change: Partial<StartOptions> & { folder: string }): Promise<Started> {
  const started = await startCoordinator({
    host: '127.0.0.1',
    port: 0,
    store: 'sqlite',
    clock: testClock(),
    entropy,
    ed25519,
    version: '0.1.0',
    log: () => undefined,
    ...change,
  })
  running.push(started)
  return started
}
async function stop(started: Started): Promise<void> {
  running.splice(running.indexOf(started), 1)
  await started.coordinator.close()
}
const accessOf = (started: Started) => decodeToken('access', readFileSync(started.accessFile, 'utf8'))
const callAs = ({ coordinator }: Started, secret: string) => caller({ app: () => coordinator.app }, asAccount(secret))

/** What is at /health over real TLS, to somebody who trusts `ca`. */
async function health(url: string, ca: string): Promise<string> {
  const request = httpsRequest(`${url}/health`, { ca, agent: false })
  request.end()
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

test('the first start makes all that it needs, each file for its owner alone, and one who may administer', async () => {
  const folder = freshFolder()
  const started = await start({ folder })
  assert.deepEqual(
    readdirSync(folder).filter((name) => !name.includes('sqlite')),
    ['access', 'blobs', 'certificate.key', 'certificate.pem', 'control.json', 'identity.json'],
  )
  for (const name of ['access', 'certificate.key', 'certificate.pem', 'control.json', 'identity.json'])
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  const access = accessOf(started)
  const pem = readFileSync(join(folder, 'certificate.pem'), 'utf8')
  assert.deepEqual(
    { url: access.url, name: access.name, pin: access.certificateKeySha256 },
    { url: started.url, name: 'admin', pin: certificateKeySha256(pem) },
  )
  assert.deepEqual(await callAs(started, access.secret)('studies'), { studies: [] })
  assert.equal(JSON.parse(await health(started.url, pem)).status, 'ok')
})

test('a restart is the same coordinator: same key, same certificate, same access, nothing written anew', async () => {
  const folder = freshFolder()
  const first = await start({ folder })
  const before = accessOf(first)
  const { token } = await callAs(first, before.secret)('createToken', { body: { site: 'a' } })
  await stop(first)
  const again = await start({ folder })
  const { url: _, ...rest } = accessOf(again)
  const { url: __, ...wanted } = before
  assert.deepEqual(rest, wanted)
  await callAs(again, before.secret)('studies')
  const next = await callAs(again, before.secret)('createToken', { body: { site: 'a' } })
  const pinned = (line: string) => {
    const { coordinatorKey, certificateKeySha256 } = decodeToken('join', line)
    return { coordinatorKey, certificateKeySha256 }
  }
  assert.deepEqual(pinned(next.token), pinned(token))
})

test('an access file that was lost is replaced by another account; the lost one still opens', async () => {
  const folder = freshFolder()
  const first = await start({ folder })
  const lost = accessOf(first)
  await stop(first)
  rmSync(first.accessFile)
  const again = await start({ folder })
  const found = accessOf(again)
  assert.equal(found.name, 'admin-2')
  assert.notEqual(found.secret, lost.secret)
  for (const { secret } of [lost, found]) await callAs(again, secret)('studies')
})

test('the address that tokens carry: as it listens, or as it is reached from outside', async () => {
  const outside = await start({ folder: freshFolder(), publicUrl: 'https://wardround.example:8443' })
  assert.equal(accessOf(outside).url, 'https://wardround.example:8443')
  const everywhere = await start({ folder: freshFolder(), host: '0.0.0.0' })
  assert.match(everywhere.url, /^https:\/\/localhost:\d+$/)
  const six = await start({ folder: freshFolder(), publicUrl: 'https://[2001:db8::1]:8443' })
  assert.equal(accessOf(six).url, 'https://[2001:db8::1]:8443')
})

test('a certificate of its own: not pinned, because its authority vouches for it', async () => {
  const own = await makeCertificate(['127.0.0.1'], new Date())
  const folder = freshFolder()
  const [certificate, key] = [join(root, 'own.pem'), join(root, 'own.key')]
  await assert.rejects(
    start({ folder, tlsFiles: { certificate, key } }),
    coded('WR_PERMISSION', { path: certificate, action: 'read' }),
  )
  writeFileSync(certificate, own.certificate)
  writeFileSync(key, own.key)
  const started = await start({ folder, tlsFiles: { certificate, key } })
  assert.equal(accessOf(started).certificateKeySha256, undefined)
  assert.equal(existsSync(join(folder, 'certificate.pem')), false)
  assert.equal(JSON.parse(await health(started.url, own.certificate)).status, 'ok')
})

/** The certificate that a new connection is shown. */
async function shown(url: string): Promise<X509Certificate> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()
  socket.destroy()
  assert.ok(certificate !== undefined)
  return certificate
}

const day = 86_400_000

test('a coordinator that runs on renews its certificate in time, for the same key; who is connected stays so', async () => {
  const [folder, clock] = [freshFolder(), testClock()]
  const started = await start({ folder, clock })
  const first = await shown(started.url)
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const ask = async (): Promise<string> => {
    const request = httpsRequest(`${started.url}/health`, { agent })
    request.end()
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    return String(request.reusedSocket)
  }
  assert.equal(await ask(), 'false')
  await clock.pass(360 * day)
  assert.equal((await shown(started.url)).fingerprint256, first.fingerprint256)
  await clock.pass(10 * day)
  const renewed = await eventually(
    () => shown(started.url),
    ({ fingerprint256 }) => fingerprint256 !== first.fingerprint256,
  )
  assert.ok(renewed.validToDate.getTime() > clock.now() + 300 * day)
  assert.equal(certificateKeySha256(renewed.toString()), certificateKeySha256(first.toString()))
  assert.equal(await ask(), 'true')
  agent.destroy()
})

test('a certificate of its own that is replaced is taken up, once key and certificate go together; before it expires it is said', async () => {
  const [clock, folder, lines] = [testClock(), freshFolder(), [] as string[]]
  const tlsFiles = { certificate: join(root, 'replaced.pem'), key: join(root, 'replaced.key') }
  const lay = (name: 'certificate' | 'key', content: string): void => writeFileSync(tlsFiles[name], content)
  const old = await makeCertificate(['127.0.0.1'], new Date(clock.now()))
  const next = await makeCertificate(['127.0.0.1'], new Date(clock.now() + 390 * day))
  lay('certificate', old.certificate)
  lay('key', old.key)
  const started = await start({
    folder,
    clock,
    tlsFiles,
    log: (level, message) => void lines.push(`${level} ${message}`),
  })
  await clock.pass(380 * day)
  assert.deepEqual(lines, [])
  await clock.pass(5 * day)
  await eventually(
    async () => lines.length,
    (count) => count > 0,
  )
  assert.deepEqual(lines.splice(0), ['error the certificate expires soon, or has expired'])
  lay('certificate', next.certificate)
  await clock.pass(day)
  await eventually(
    async () => lines.length,
    (count) => count > 1,
  )
  assert.equal((await shown(started.url)).fingerprint256, new X509Certificate(old.certificate).fingerprint256)
  lay('key', next.key)
  await clock.pass(day)
  const { fingerprint256 } = new X509Certificate(next.certificate)
  await eventually(
    () => shown(started.url),
    (found) => found.fingerprint256 === fingerprint256,
  )
})

async function eventually<T>(look: () => Promise<T>, good: (found: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await look()
    if (good(found)) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('It never came.')
}

test('a port that is taken is named, and nothing stays behind: it starts on another', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const folder = freshFolder()
  await assert.rejects(start({ folder, port }), coded('WR_PORT_IN_USE', { port, host: '127.0.0.1' }))
  taken.close()
  await start({ folder })
})

test('a second coordinator in one folder is refused; so is one whose identity is damaged, until it is mended', async () => {
  const folder = freshFolder()
  const first = await start({ folder })
  await assert.rejects(start({ folder }), coded('WR_LOCKED', { path: join(folder, 'coordinator.sqlite') }))
  await stop(first)
  const file = join(folder, 'identity.json')
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.slice(0, 20))
  await assert.rejects(start({ folder }), coded('WR_CONFIG', { file }))
  writeFileSync(file, good)
  await start({ folder })
})

test('a database that does not answer is a reason not to start, and its password is not told', async () => {
  const url = 'postgres://wardround:do-not-tell@127.0.0.1:1/coordinator'
  await assert.rejects(start({ folder: freshFolder(), store: url }), (error: unknown) => {
    assert.ok(coded('WR_STORE', { store: 'PostgreSQL' })(error))
    assert.doesNotMatch(String(error), /do-not-tell/)
    return true
  })
})
