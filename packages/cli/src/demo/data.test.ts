import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { testCertificate } from '@wardround/site/testing/certificate.ts'
import { findData, uciFiles } from './data.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-data-'))
after(() => rmSync(folder, { recursive: true }))

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const contents: Readonly<Record<string, string>> = { 'one.data': '1,2,3\n', 'two.data': '4,5,6\n' }
const files = Object.fromEntries(Object.entries(contents).map(([name, text]) => [name, sha256(text)]))

function fill(path: string, changes: Readonly<Record<string, string>> = {}): string {
  mkdirSync(path, { recursive: true })
  for (const [name, text] of Object.entries({ ...contents, ...changes })) writeFileSync(join(path, name), text)
  return path
}

/** An empty machine: a project with nothing beside it, an empty cache, and a network that is switched off unless a test opens one. */
function machine(name: string) {
  const home = join(folder, name)
  const notes: string[] = []
  const options = {
    given: undefined,
    project: join(home, 'project'),
    env: { XDG_CACHE_HOME: join(home, 'cache') },
    note: (line: string) => void notes.push(line),
    synthesise: (path: string) => void fill(path, { 'one.data': 'made up' }),
    out: join(home, 'out'),
    files,
  }
  return { home, options, notes, cache: join(home, 'cache', 'wardround', 'heart-disease') }
}

const networkOff = 'http://127.0.0.1:9'
const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
const original = proxyNames.map((name) => [name, process.env[name]] as const)
const onlyProxy = (url: string): void => {
  for (const name of proxyNames) delete process.env[name]
  process.env.HTTPS_PROXY = url
}
onlyProxy(networkOff)
afterEach(() => onlyProxy(networkOff))
after(() => {
  for (const [name, value] of original) {
    delete process.env[name]
    if (value !== undefined) process.env[name] = value
  }
})

const coded =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof WardroundError && error.code === code

test('what is given is taken, and nothing else: whole, unaltered, or refused', async () => {
  const { home, options, cache } = machine('given')
  fill(join(home, 'shared', 'data', 'heart_disease'))
  fill(cache)
  const given = fill(join(home, 'mine'))
  assert.deepEqual(await findData({ ...options, given }), { folder: given, source: 'given' })
  const altered = fill(join(home, 'altered'), { 'two.data': 'other' })
  await assert.rejects(findData({ ...options, given: altered }), coded('WR_DIGEST_MISMATCH'))
  await assert.rejects(findData({ ...options, given: join(home, 'empty') }), coded('WR_DATA_MISSING'))
})

test('then what is beside the project, in its own folder or in that of the originals', async () => {
  const { home, options, cache } = machine('beside')
  fill(cache)
  const original = fill(join(home, 'shared', 'data', 'heart_disease', 'original'))
  assert.deepEqual(await findData(options), { folder: original, source: 'beside' })
  const beside = fill(join(home, 'shared', 'data', 'heart_disease'))
  assert.deepEqual(await findData(options), { folder: beside, source: 'beside' })
  fill(beside, { 'one.data': 'other' })
  await assert.rejects(findData(options), coded('WR_DIGEST_MISMATCH'))
})

test('then the cache; and with nothing to be had, the twin, in a folder of this run', async () => {
  const { home, options, cache, notes } = machine('cache')
  const synthetic = join(home, 'out', 'synthetic')
  assert.deepEqual(await findData(options), { folder: synthetic, source: 'synthetic' })
  assert.equal(readFileSync(join(synthetic, 'one.data'), 'utf8'), 'made up')
  assert.equal(notes.length, 1, 'it says why')
  assert.ok(!existsSync(cache), 'the twin is not kept as if it were the data')
  fill(cache)
  assert.deepEqual(await findData(options), { folder: cache, source: 'cache' })
})

/** The archive, as far as this machine can tell: a proxy that leads its name to a server here, whose certificate is trusted. */
async function archive(answers: Readonly<Record<string, { readonly status?: number; readonly text: string }>>) {
  const { certificate, key } = testCertificate('archive.ics.uci.edu', { from: 2020, to: 2049 })
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, certificate])
  const asked: string[] = []
  const server = createServer({ cert: certificate, key }, (request, response) => {
    asked.push(request.url ?? '')
    const { status = 200, text } = answers[request.url?.split('/').at(-1) ?? ''] ?? { status: 404, text: '' }
    response.writeHead(status).end(text)
  })
  const tunnels: string[] = []
  const proxy = createTcpServer((client: Socket) => {
    client.once('data', (head) => {
      tunnels.push(/^CONNECT (\S+) /.exec(head.toString('latin1'))?.[1] ?? '')
      const upstream = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connected\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      for (const socket of [upstream, client]) socket.on('error', () => socket.destroy())
    })
  })
  for (const one of [server, proxy]) await new Promise<void>((done) => one.listen(0, '127.0.0.1', () => done()))
  onlyProxy(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
  return {
    asked,
    tunnels,
    close: () => {
      setDefaultCACertificates(trusted)
      server.closeAllConnections()
      server.close()
      proxy.close()
    },
  }
}

const served = Object.fromEntries(Object.entries(contents).map(([name, text]) => [name, { text }]))

test('then the archive, through the proxy; what arrives is kept, and not fetched again', async () => {
  const { options, cache, notes } = machine('download')
  const { asked, tunnels, close } = await archive(served)
  assert.deepEqual(await findData(options), { folder: cache, source: 'downloaded' })
  close()
  assert.deepEqual(
    asked.toSorted(),
    Object.keys(files).map((name) => `/ml/machine-learning-databases/heart-disease/${name}`),
  )
  assert.ok(tunnels.every((target) => target === 'archive.ics.uci.edu:443'))
  for (const [name, text] of Object.entries(contents)) {
    assert.equal(readFileSync(join(cache, name), 'utf8'), text)
    assert.ok(notes.some((line) => line.includes(name)))
  }
  onlyProxy(networkOff)
  assert.deepEqual(await findData(options), { folder: cache, source: 'cache' })
})

test('a file with another SHA-256 is refused, nothing is kept, and the twin takes its place', async () => {
  const { options, cache, notes, home } = machine('altered')
  const { asked, close } = await archive({ ...served, 'two.data': { text: '4,5,7\n' } })
  assert.deepEqual(await findData(options), { folder: join(home, 'out', 'synthetic'), source: 'synthetic' })
  close()
  assert.equal(asked.length, 2)
  assert.match(notes.at(-1) ?? '', /two\.data arrived damaged/)
  assert.ok(!existsSync(cache))
})

test('a server that has not all files, one that answers at length, one whose name nobody vouches for: nothing is kept', async () => {
  const cases: [string, Parameters<typeof archive>[0], RegExp][] = [
    ['absent', { 'one.data': { text: contents['one.data'] ?? '' } }, /two\.data could not be downloaded/],
    ['broken', { ...served, 'one.data': { status: 500, text: contents['one.data'] ?? '' } }, /one\.data could not/],
    ['endless', { ...served, 'one.data': { text: ' '.repeat((1 << 20) + 1) } }, /./],
  ]
  for (const [name, answers, words] of cases) {
    const { options, cache, notes } = machine(name)
    const { close } = await archive(answers)
    assert.equal((await findData(options)).source, 'synthetic', name)
    close()
    assert.match(notes.at(-1) ?? '', words)
    assert.ok(!existsSync(cache), name)
  }
  const { options, cache, notes } = machine('stranger')
  const { close } = await archive(served)
  setDefaultCACertificates(getCACertificates('bundled'))
  assert.equal((await findData(options)).source, 'synthetic')
  close()
  assert.match(notes.at(-1) ?? '', /certificate/)
  assert.ok(!existsSync(cache))
})

test('a cache that a crash left torn is fetched anew', async () => {
  const { options, cache } = machine('torn')
  fill(cache, { 'two.data': '4,5' })
  const { close } = await archive(served)
  assert.deepEqual(await findData(options), { folder: cache, source: 'downloaded' })
  close()
  assert.equal(readFileSync(join(cache, 'two.data'), 'utf8'), contents['two.data'])
  // Torn, and nothing to be had: never taken for the data.
  const offline = machine('torn-offline')
  fill(offline.cache, { 'two.data': '4,5' })
  onlyProxy(networkOff)
  assert.equal((await findData(offline.options)).source, 'synthetic')
})

test('the pinned digests are those of the files that the examples name', () => {
  const sites = new URL('../../../../examples/heart-disease/sites/', import.meta.url)
  const named = readdirSync(sites).flatMap((name) =>
    [...readFileSync(new URL(name, sites), 'utf8').matchAll(/^ {2}file: (\S+)$/gm)].map(([, file]) => file),
  )
  assert.deepEqual(named.toSorted(), Object.keys(uciFiles).toSorted())
  assert.ok(Object.values(uciFiles).every((digest) => /^[0-9a-f]{64}$/.test(digest)))
})
