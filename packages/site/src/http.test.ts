import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { after, afterEach, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { bytesOf, httpsNetwork, type Trust, trustOf } from './http.ts'
import { testCertificate } from './testing/certificate.ts'

const valid = { from: 2020, to: 2049 }
const own = testCertificate('localhost', valid)
const other = testCertificate('localhost', valid)
const elsewhere = testCertificate('elsewhere.example', valid)

const closing: (Server | TcpServer)[] = []
const closeAll = (): void => {
  for (const server of closing.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
}
after(closeAll)

const port = (server: TcpServer): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      closing.push(server)
      resolve((server.address() as AddressInfo).port)
    }),
  )

/** Every byte that got through TLS to a coordinator. */
let heardBytes = 0

/** A coordinator as far as TLS goes: says which path it was asked for. */
async function coordinator(tls = own): Promise<string> {
  const server = createServer({ cert: tls.certificate, key: tls.key }, (request, response) => {
    if (request.url === '/slow') return
    if (request.url === '/torn') {
      response.writeHead(200, { 'content-length': '100' }).write('half')
      setTimeout(() => response.destroy(), 20)
      return
    }
    response.end(`${request.method} ${request.url}`)
  })
  server.on('secureConnection', (socket) => {
    socket.on('data', (bytes: Buffer) => {
      heardBytes += bytes.length
    })
    socket.on('error', () => undefined)
  })
  return `https://localhost:${await port(server)}`
}

/** Sends one request and closes. */
async function ask(url: string, trust: Trust, { path = '/x', signal }: { path?: string; signal?: AbortSignal } = {}) {
  const network = httpsNetwork(url, trust)
  try {
    const response = await network.send({
      method: 'GET',
      path,
      headers: {},
      ...(signal === undefined ? {} : { signal }),
    })
    return (await bytesOf(response)).toString()
  } finally {
    await network.close()
  }
}

const coded =
  (code: string, parameters: Readonly<Record<string, unknown>> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.equal(error.code, code, `${error} ${String(error.cause)}`)
    for (const [name, value] of Object.entries(parameters)) assert.equal(error.parameters[name], value)
    return true
  }

const keyOf = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
const pinned = ({ certificate }: { certificate: string }): Trust => ({ kind: 'key', sha256: keyOf(certificate) })

test('the pin of a token is the only trust that it needs, for any name that the coordinator is reached by', async () => {
  assert.deepEqual(trustOf({ certificateKeySha256: keyOf(own.certificate) }), pinned(own))
  assert.equal(await ask(await coordinator(), pinned(own)), 'GET /x')
  assert.equal(await ask(await coordinator(elsewhere), pinned(elsewhere)), 'GET /x')
})

test('somebody in between hears nothing: the line is cut before a byte of a request is on it', async () => {
  const url = await coordinator(other)
  heardBytes = 0
  for (let again = 0; again < 5; again++)
    await assert.rejects(ask(url, pinned(own)), coded('WR_CERTIFICATE_PIN', { url }))
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(heardBytes, 0)
  await ask(url, pinned(other))
  assert.ok(heardBytes > 0)
})

test('a certificate that was made anew for the same key is as good as the first, whatever its dates', async () => {
  for (const dates of [valid, { from: 2001, to: 2002 }, { from: 2048, to: 2049 }])
    assert.equal(await ask(await coordinator(testCertificate('localhost', dates, own.key)), pinned(own)), 'GET /x')
})

test("without a pin, the world's authorities or the hospital's own decide, and the name counts", async () => {
  const url = await coordinator()
  assert.deepEqual(trustOf({}), { kind: 'public' })
  await assert.rejects(ask(url, { kind: 'public' }), coded('WR_CERTIFICATE_PIN'))
  assert.deepEqual(trustOf({ certificateKeySha256: keyOf(own.certificate) }, own.certificate), {
    kind: 'authority',
    pem: own.certificate,
  })
  assert.equal(await ask(url, { kind: 'authority', pem: own.certificate }), 'GET /x')
  const misnamed = await coordinator(elsewhere)
  await assert.rejects(ask(misnamed, { kind: 'authority', pem: elsewhere.certificate }), coded('WR_CERTIFICATE_PIN'))
})

test('what an authority vouches for has its time: before and after it, that is said, and tried again', async () => {
  for (const dates of [
    { from: 2001, to: 2002 },
    { from: 2048, to: 2049 },
  ]) {
    const certificate = testCertificate('localhost', dates)
    const asked = ask(await coordinator(certificate), { kind: 'authority', pem: certificate.certificate })
    await assert.rejects(asked, (error: unknown) => {
      assert.ok(coded('WR_CERTIFICATE_EXPIRED')(error))
      assert.ok(error instanceof WardroundError && error.retry === 'transient')
      return true
    })
  }
})

test('nothing there, no such name, no TLS there, a line cut in the middle: each is unreachable, with a reason', async () => {
  const free = createTcpServer()
  const nobody = `https://localhost:${await port(free)}`
  await new Promise((resolve) => free.close(resolve))
  const plain = `https://localhost:${await port(createHttpServer((_, response) => response.end('hello')))}`
  const names = 'https://nowhere.invalid'
  for (const url of [nobody, plain, names]) {
    await assert.rejects(ask(url, { kind: 'public' }), (error: unknown) => {
      assert.ok(coded('WR_UNREACHABLE', { url })(error))
      assert.ok(error instanceof WardroundError && String(error.parameters.reason).length > 5)
      return true
    })
  }
  const torn = await coordinator()
  await assert.rejects(ask(torn, pinned(own), { path: '/torn' }), coded('WR_UNREACHABLE'))
})

test('a stop ends a request that waits', async () => {
  const url = await coordinator()
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 50)
  const waiting = ask(url, pinned(own), { path: '/slow', signal: stop.signal })
  await assert.rejects(waiting, coded('WR_CANCELLED'))
})

test('an answer larger than expected is cut off', async () => {
  const network = httpsNetwork(await coordinator(), pinned(own))
  const response = await network.send({ method: 'GET', path: `/${'x'.repeat(100)}`, headers: {} })
  await assert.rejects(bytesOf(response, 50), coded('WR_BODY_TOO_LARGE', { limitBytes: 50 }))
  await network.close()
})

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'] as const
const before = proxyNames.map((name) => [name, process.env[name]] as const)
function setProxy(url: string | undefined, except = ''): void {
  for (const name of proxyNames) delete process.env[name]
  if (url !== undefined) process.env.HTTPS_PROXY = url
  if (except !== '') process.env.NO_PROXY = except
}
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** A proxy as hospitals have it: knows CONNECT and nothing else. `status` 200 lets through. */
async function proxy(status = 200): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createHttpServer((_, response) => response.writeHead(405).end())
  server.on('connect', (request, client) => {
    asked.push(`${request.method} ${request.url}`)
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const [host = '', to = ''] = String(request.url).split(':')
    const upstream = connect(Number(to), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
  })
  return { url: `http://localhost:${await port(server)}`, asked }
}

test("through the hospital's proxy: a tunnel, with the pin checked at its far end", async () => {
  const url = await coordinator()
  const hop = await proxy()
  setProxy(hop.url)
  assert.equal(await ask(url, pinned(own)), 'GET /x')
  assert.deepEqual(hop.asked, [`CONNECT ${new URL(url).host}`])
  await assert.rejects(ask(await coordinator(other), pinned(own)), coded('WR_CERTIFICATE_PIN'))
})

test('NO_PROXY goes around it', async () => {
  const url = await coordinator()
  const hop = await proxy()
  setProxy(hop.url, 'localhost')
  assert.equal(await ask(url, pinned(own)), 'GET /x')
  assert.deepEqual(hop.asked, [])
})

test('a proxy that refuses, or is not there, is named, without the password in its address', async () => {
  const url = await coordinator()
  for (const status of [403, 407, 502]) {
    const { host } = new URL((await proxy(status)).url)
    setProxy(`http://dr.house:vicodin@${host}`)
    await assert.rejects(ask(url, pinned(own)), (error: unknown) => {
      assert.ok(coded('WR_PROXY', { proxy: `http://${host}` })(error))
      assert.ok(error instanceof WardroundError)
      assert.match(String(error.parameters.reason), new RegExp(String(status)))
      assert.doesNotMatch(JSON.stringify([error.parameters, error.sentences]), /vicodin/)
      return true
    })
  }
  const free = createTcpServer()
  const gone = `http://localhost:${await port(free)}`
  await new Promise((resolve) => free.close(resolve))
  setProxy(gone)
  await assert.rejects(ask(url, pinned(own)), coded('WR_PROXY', { proxy: gone }))
})
