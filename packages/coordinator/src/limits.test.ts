/** Whoever holds a line and does not use it is cut off, over real TLS, while others are served. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { makeCertificate } from './certificate.ts'
import { defaultLimits, requestsOfOneSite } from './limits.ts'
import { type Coordinator, createCoordinator } from './server.ts'
import { testWorld, type World } from './testing/federation.ts'
import { newKeys } from './testing/keys.ts'
import { asSite, requestOf } from './testing/requests.ts'
import { siteRow } from './testing/rows.ts'

const limits = { headMs: 500, requestMs: 1500, silenceMs: 2000, keepAliveMs: 1000, connections: 60 }

const limit = { timeout: 20_000 }

let world: World
let coordinator: Coordinator
let port: number
let secret: string
const open: Socket[] = []
before(async () => {
  world = await testWorld()
  const tls = await makeCertificate(['127.0.0.1'], new Date())
  coordinator = await createCoordinator({ ...world, tls, version: '0.1.0', log: () => undefined, limits })
  port = await coordinator.listen({ host: '127.0.0.1', port: 0 })
  secret = decodeToken('access', await coordinator.createAccess('tester', 'https://localhost')).secret
})
after(async () => {
  for (const socket of open) socket.destroy()
  await coordinator.close()
})

function held<T extends Socket>(socket: T): T {
  socket.on('error', () => undefined)
  open.push(socket)
  return socket
}

async function line(): Promise<TLSSocket> {
  const socket = held(connect({ port, host: '127.0.0.1', rejectUnauthorized: false }))
  await once(socket, 'secureConnect')
  return socket
}

/** How long until it is cut, in milliseconds. */
async function lifeOf(socket: Socket): Promise<number> {
  const from = performance.now()
  socket.resume()
  // A line that was reset is cut as well: once() would take the error before the end for a failure.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return performance.now() - from
}

/** Sends a byte now and then, for as long as anybody listens. */
function drip(socket: Socket, bytes: string): void {
  let at = 0
  const timer = setInterval(() => {
    if (socket.closed || at >= bytes.length) clearInterval(timer)
    else socket.write(bytes[at++] ?? '')
  }, 100)
}

async function health(): Promise<string> {
  const socket = await line()
  socket.write('GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text.split('\r\n')[0] ?? ''
}

test('the limits let a slow hospital through: a piece of 4 MiB at 1 Mbit/s, several times over', () => {
  const pieceSeconds = ((4 << 20) * 8) / 1e6
  assert.ok(defaultLimits.requestMs > 5 * pieceSeconds * 1000)
  // A poll is answered after 30 s at the latest.
  for (const ms of [defaultLimits.silenceMs, defaultLimits.requestMs]) assert.ok(ms > 2 * 30_000)
  assert.ok(defaultLimits.connections / 2 > 2 * 1200)
})

test(
  'a line that says nothing, before TLS or after it; a head that never ends: each is cut, and others are served',
  limit,
  async () => {
    const silent = held(connectTcp(port, '127.0.0.1'))
    const mute = await line()
    const slow = await line()
    drip(slow, `GET /health HTTP/1.1\r\nx: ${'y'.repeat(1000)}`)
    const cut = Promise.all([silent, mute, slow].map(lifeOf))
    assert.equal(await health(), 'HTTP/1.1 200 OK')
    for (const life of await cut) assert.ok(life < 10 * limits.headMs, `${life} ms`)
  },
)

test('a body that never ends is cut, though it flows', limit, async () => {
  const slow = await line()
  slow.write(`POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\ncontent-length: 1000\r\n\r\n`)
  drip(slow, '{"site": "a"}'.padEnd(1000))
  const life = await lifeOf(slow)
  assert.ok(life > limits.requestMs - 200 && life < 5 * limits.requestMs, `${life} ms`)
})

test('one address has half of the connections at most; those beyond are dropped, until others end', limit, async () => {
  const lines = Array.from({ length: limits.connections / 2 + 5 }, () => held(connectTcp(port, '127.0.0.1')))
  const cut: number[] = []
  for (const [index, socket] of lines.entries()) socket.resume().once('close', () => cut.push(index))
  await sleep(limits.headMs / 2)
  assert.equal(cut.length, 5)
  for (const socket of lines) socket.destroy()
  await sleep(100)
  assert.equal(await health(), 'HTTP/1.1 200 OK')
})

test('one site has so many requests at once, and others are not kept waiting by it', limit, async () => {
  const keys = newKeys()
  await world.store.putSite(siteRow('a', { public_key: keys.publicKey }))
  const { clock, entropy } = world
  const sign = asSite({ site: 'a', keys, coordinatorKey: world.keys.publicKey, clock, entropy })
  const ask = async (): Promise<number> => {
    const request = requestOf('nextTask', { query: { wait: 20 } })
    const { statusCode } = await coordinator.app.inject({ url: request.path, headers: await sign(request) })
    return statusCode
  }
  const waiting = Array.from({ length: requestsOfOneSite }, ask)
  while (clock.alarms().length < requestsOfOneSite) await sleep(5)
  assert.equal(await ask(), 503)
  assert.equal(await health(), 'HTTP/1.1 200 OK')
  await clock.pass(20_000)
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([200]))
  const again = ask()
  while (clock.alarms().length < 1) await sleep(5)
  await clock.pass(20_000)
  assert.equal(await again, 200)
})

test('a watcher that never reads is waited for, not buffered for, and is cut off in the end', limit, async () => {
  const payload = { site: 'a', decision: 'refused' as const, reason: 'x'.repeat(50_000) }
  const events = Array.from({ length: 400 }, () => ({ kind: 'study.decided' as const, study: null, payload }))
  await world.store.transaction((tables) => tables.event(...events))
  const accepted = once(coordinator.app.server, 'secureConnection') as Promise<[TLSSocket]>
  const watcher = await line()
  watcher.pause()
  watcher.write(`GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\n\r\n`)
  const [served] = await accepted
  let most = 0
  while (!served.closed) {
    most = Math.max(most, served.writableLength)
    await sleep(20)
  }
  // Of 20 MB no more than two events wait here; what the operating system does not take is in the store.
  assert.ok(most > 0 && most < 200_000, `${most} bytes wait`)
})
