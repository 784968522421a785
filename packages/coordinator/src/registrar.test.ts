/** What every route does before and after its handler. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { errorAnswerSchema, type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { openStore } from './store/store.ts'
import { testClock, turn } from './testing/clock.ts'
import { isoNow, startCoordinator, type TestFederation, testFederation, testWorld } from './testing/federation.ts'
import { asAccount, asSite, type Request, requestOf, send } from './testing/requests.ts'

let federation: TestFederation
before(async () => {
  federation = await testFederation(['a'])
})
after(() => federation.close())

const names = Object.keys(routes) as RouteName[]
const params = { study: 'small-00000000', task: 'small-prepare-1-a', site: 'nobody', sha256: 'f'.repeat(64) }
/** A route's request that gets as far as its handler, or would but for who sends it. */
const plain = (name: RouteName): Request => requestOf(name, { params, query: { offset: 0 } } as object)

/** A refusal in the one form: coded, with an id, no stack, nothing of this machine. */
async function refused(request: Request, code: string, from: TestFederation = federation) {
  const { status, body, headers } = await send(from.way, request)
  const text = body.toString('utf8')
  assert.equal(headers['content-type'], 'application/json; charset=utf-8', text)
  const { error } = errorAnswerSchema.parse(JSON.parse(text))
  assert.equal(error.code, code, text)
  assert.match(error.requestId, /^[A-Za-z0-9_-]{12}$/)
  assert.doesNotMatch(text, /node_modules|\.ts:|\n {4}at |file:/)
  return { ...error, status, headers, text }
}
const account = async (request: Request): Promise<Request> => ({
  ...request,
  headers: { ...request.headers, ...(await asAccount(federation.secret)(request)) },
})
const site = async (request: Request): Promise<Request> => ({
  ...request,
  headers: { ...request.headers, ...(await asSite(federation.site('a').signer)(request)) },
})

for (const name of names) {
  const { by } = routes[name]
  if (by === 'anybody') continue
  test(`${name} is for ${by === 'site' ? 'sites' : 'accounts'}, and for nobody else`, async () => {
    const code = by === 'site' ? 'WR_PROOF_INVALID' : 'WR_CREDENTIALS'
    const request = plain(name)
    assert.equal((await refused(request, code)).status, 401)
    await refused(by === 'site' ? await account(request) : await site(request), code)
    const wrong = { ...request, headers: { ...request.headers, authorization: `Bearer ${'x'.repeat(43)}` } }
    await refused(wrong, code)
  })
}

test('a proof is for one path with its query: who changes either in between is refused', async () => {
  const good = await site(requestOf('nextTask', { query: { wait: 0 } }))
  await refused({ ...good, path: '/v1/site/task?wait=1' }, 'WR_PROOF_INVALID')
  await refused({ ...good, path: '/v1/site/task' }, 'WR_PROOF_INVALID')
  await refused({ ...good, path: '/v1/site/offers' }, 'WR_PROOF_INVALID')
  assert.equal((await send(federation.way, good)).status, 200)
  await refused(good, 'WR_PROOF_REPLAYED')
})

test('a clock that is off is told by how much', async () => {
  const { signer } = federation.site('a')
  const clock = { ...signer.clock, steadyNow: () => signer.clock.steadyNow() - 3_600_000 }
  const request = requestOf('offers', {})
  const headers = await asSite({ ...signer, clock })(request)
  const { parameters, retry, nowMs } = await refused({ ...request, headers }, 'WR_PROOF_CLOCK')
  assert.deepEqual(parameters, { skewMs: -3_600_000 })
  assert.equal(retry, 'transient')
  assert.equal(nowMs, signer.clock.now())
})

test('bodies that are not what the route asks for are named by their field', async () => {
  const post = (body: string | Uint8Array) => account({ method: 'POST', path: '/v1/tokens', body })
  const parametersOf = async (body: string | Uint8Array) =>
    (await refused(await post(body), 'WR_BODY_INVALID')).parameters
  const notJson = { field: 'body', problem: 'it is not JSON' }
  for (const body of ['{', 'site=a', '', "{'site': 'a'}", Uint8Array.of(0x22, 0xff, 0x22), Uint8Array.of(0)])
    assert.deepEqual(await parametersOf(body), notJson)
  // What JSON.parse would read, and nobody could write again.
  for (const body of ['"\\ud800"', '{"site":1e999}']) assert.deepEqual(await parametersOf(body), notJson)
  assert.equal((await parametersOf('{}')).field, 'body.site')
  assert.equal((await parametersOf('{"site":"A B"}')).field, 'body.site')
  assert.equal((await parametersOf('{"site":"b","validForMs":1}')).field, 'body.validForMs')
  assert.equal((await parametersOf('{"site":"b","role":"admin"}')).field, 'body')
  assert.equal((await parametersOf('[]')).field, 'body')
  assert.equal((await parametersOf('null')).field, 'body')
  // Deep enough to overflow a parser that calls itself.
  assert.equal((await parametersOf('['.repeat(500_000))).field, 'body')
  assert.equal((await parametersOf(`{"site":${'['.repeat(500_000)}${']'.repeat(500_000)}}`)).field, 'body')
})

test('the kind of body that is announced changes nothing, unless it is no kind at all', async () => {
  const typed = async (type: string | undefined): Promise<Request> => {
    const request = await account({ method: 'POST', path: '/v1/tokens', body: '{"site":"typed"}' })
    return { ...request, headers: { ...request.headers, ...(type === undefined ? {} : { 'content-type': type }) } }
  }
  for (const type of [undefined, 'application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x-own/y'])
    assert.equal((await send(federation.way, await typed(type))).status, 200, String(type))
  for (const type of ['nonsense', '/'])
    assert.equal((await refused(await typed(type), 'WR_BODY_INVALID')).parameters.field, 'request')
})

test('queries and paths that are not what the route asks for are named too', async () => {
  const get = async (path: string) => refused(await account({ method: 'GET', path }), 'WR_BODY_INVALID')
  assert.equal((await get('/v1/events?after=-1')).parameters.field, 'query.after')
  assert.equal((await get('/v1/events?after=1&after=2')).parameters.field, 'query.after')
  assert.equal((await get('/v1/events?wait=31')).parameters.field, 'query.wait')
  // What JavaScript would take for numbers all the same.
  for (const text of ['', '%20', '0x10', '01', '%201', '+1', '1.', '.5', '1e', 'true'])
    assert.equal((await get(`/v1/events?after=${text}`)).parameters.field, 'query.after', text)
  for (const text of ['1e0', '0E-7', '5.0'])
    assert.equal(
      (await send(federation.way, await account({ method: 'GET', path: `/v1/events?after=${text}` }))).status,
      200,
      text,
    )
  for (const text of ['1e-1', '1e999'])
    assert.equal((await get(`/v1/events?after=${text}`)).parameters.field, 'query.after', text)
  assert.equal((await get('/v1/events?colour=red')).parameters.field, 'query')
  assert.equal((await get('/v1/studies/NO%20STUDY')).parameters.field, 'path.study')
  assert.equal((await get('/v1/studies/..%2f..%2fetc%2fpasswd')).parameters.field, 'path.study')
  assert.equal((await get(`/v1/studies/${'x'.repeat(150)}`)).parameters.field, 'path.study')
})

test('a method that a path does not answer is refused as such, with those that it does', async () => {
  for (const [method, path, allowed] of [
    ['DELETE', '/health', 'GET, HEAD'],
    ['PATCH', '/v1/studies', 'GET, HEAD, POST'],
    ['QUERY', '/v1/studies/heart?x=1', 'GET, HEAD'],
    ['POST', '/v1/site/tasks/t/update', 'GET, HEAD, PUT'],
    ['TRACE', '/openapi.json', 'GET, HEAD'],
    ['OPTIONS', '/docs', 'GET, HEAD'],
  ] as const) {
    const { status, parameters, headers } = await refused({ method, path }, 'WR_METHOD')
    assert.deepEqual([status, parameters, headers.allow], [405, { method, allowed }, allowed])
  }
  for (const path of ['/v1/studies/a/b', '/openapiXjson'])
    assert.equal((await refused({ method: 'DELETE', path }, 'WR_NOT_FOUND')).status, 404)
})

test('paths that are none, or lead nowhere, get the same form', async () => {
  for (const path of ['/v1/nothing', '/', '/v1/studies/a/b/c', '/v1//studies', '/V1/STUDIES'])
    assert.equal((await refused({ method: 'GET', path }, 'WR_NOT_FOUND')).status, 404)
  for (const path of ['/v1/studies/%', '/v1/studies/%zz', '/%e0%a4%a'])
    assert.equal((await refused({ method: 'GET', path }, 'WR_BODY_INVALID')).status, 400)
  // Longer than any name may be.
  assert.equal(
    (await refused({ method: 'GET', path: `/v1/studies/${'x'.repeat(500)}` }, 'WR_BODY_INVALID')).status,
    400,
  )
})

test('a body beyond the limit is refused with the limit', async () => {
  const limitBytes = 4 << 20
  const large = await account({ method: 'POST', path: '/v1/studies', body: 'x'.repeat(limitBytes + 1) })
  const { status, parameters } = await refused(large, 'WR_BODY_TOO_LARGE')
  assert.deepEqual([status, parameters], [413, { limitBytes }])
  await refused(await account({ method: 'POST', path: '/v1/studies', body: ' '.repeat(limitBytes) }), 'WR_BODY_INVALID')
  const piece = requestOf('upload', {
    params,
    query: { offset: 0, sizeBytes: limitBytes + 1, sha256: 'f'.repeat(64) },
    bytes: new Uint8Array(limitBytes + 1),
  })
  assert.equal((await refused(await site(piece), 'WR_BODY_TOO_LARGE')).status, 413)
})

test('a stranger may send a join and nothing larger; an unknown path, nothing at all', async () => {
  const limitBytes = 4096
  const large = { method: 'POST', path: '/v1/join', body: ' '.repeat(limitBytes + 1) }
  assert.deepEqual((await refused(large, 'WR_BODY_TOO_LARGE')).parameters, { limitBytes })
  await refused({ ...large, body: ' '.repeat(limitBytes) }, 'WR_BODY_INVALID')
})

/** What comes back over a real line for a head alone: the body that it announces never comes. */
async function answerToHead(port: number, head: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`${head}\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString('latin1')
}

test('who asks is known from the head alone: nobody unknown makes us wait for a body', {
  timeout: 10_000,
}, async () => {
  const coordinator = await startCoordinator(await testWorld())
  const port = await coordinator.listen({ host: '127.0.0.1', port: 0 })
  const { path } = requestOf('upload', { params, query: { offset: 0, sizeBytes: 5, sha256: 'f'.repeat(64) } })
  assert.match(await answerToHead(port, `PUT ${path} HTTP/1.1`), /^HTTP\/1.1 401 .*WR_PROOF_INVALID/s)
  assert.match(await answerToHead(port, 'POST /v1/studies HTTP/1.1'), /^HTTP\/1.1 401 .*WR_CREDENTIALS/s)
  assert.match(await answerToHead(port, 'POST /v1/nothing HTTP/1.1'), /^HTTP\/1.1 404 .*WR_NOT_FOUND/s)
  assert.match(await answerToHead(port, 'POST /v1/join HTTP/1.1'), /^HTTP\/1.1 413 .*WR_BODY_TOO_LARGE/s)
  await coordinator.close()
})

test('versions: ours is in every answer, and theirs may be one minor version away', async () => {
  const health = (version: string) => ({ method: 'GET', path: '/health', headers: { 'wardround-version': version } })
  for (const version of ['0.0.9', '0.1.0', '0.1.99', '0.2.3']) {
    const { status, headers } = await send(federation.way, health(version))
    assert.deepEqual([status, headers['wardround-version']], [200, '0.1.0'])
  }
  for (const version of ['0.3.0', '1.1.0', 'latest']) {
    const { status, parameters } = await refused(health(version), 'WR_VERSION')
    assert.deepEqual([status, parameters], [426, { theirs: version, ours: '0.1.0' }])
  }
})

test('each refusal has an id of its own, which the log has too', async () => {
  const ids = new Set<string>()
  for (let turn = 0; turn < 20; turn++)
    ids.add((await refused({ method: 'GET', path: '/nothing' }, 'WR_NOT_FOUND')).requestId)
  assert.equal(ids.size, 20)
  const logged = federation.lines.filter(({ message }) => message === 'refused').map(({ fields }) => fields.requestId)
  for (const id of ids) assert.ok(logged.includes(id))
})

test('the log never holds a secret, a query or a body', async () => {
  const secret = 'do-not-tell-this-secret'
  await refused(
    { method: 'GET', path: `/v1/events?after=${secret}`, headers: { authorization: `Bearer ${secret}` } },
    'WR_CREDENTIALS',
  )
  const body = JSON.stringify({ site: secret.toUpperCase(), secret })
  await refused({ method: 'POST', path: '/v1/join', body }, 'WR_BODY_INVALID')
  assert.doesNotMatch(JSON.stringify(federation.lines), new RegExp(secret, 'i'))
})

/** A coordinator whose list of studies fails with `error`. */
async function failing(error: unknown) {
  const clock = testClock()
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, isoNow(clock))
  let broken = false
  const studies: typeof store.studies = async () => {
    if (broken) throw error
    return store.studies()
  }
  const world = await testWorld({ clock, store: { ...store, studies } })
  const own = await testFederation([], world)
  broken = true
  const request = requestOf('studies', {})
  const headers = await asAccount(own.secret)(request)
  return { own, answer: (code: string) => refused({ ...request, headers }, code, own) }
}

test('a trouble of ours is to be waited out, whatever it is; only the log has its cause', async () => {
  const cause = new Error('connect ECONNREFUSED 10.1.2.3:5432')
  const full = Object.assign(new Error('ENOSPC: no space left on device, /home/here'), { code: 'ENOSPC' })
  for (const [trouble, reason, logged] of [
    [new WardroundError('WR_STORE', { store: 'PostgreSQL', reason: '10.1.2.3' }, { cause }), 'store', /ECONNREFUSED/],
    [new WardroundError('WR_DISK', { path: '/home/here', reason: 'full' }, { cause: full }), 'disk', /ENOSPC/],
    [new WardroundError('WR_PERMISSION', { path: '/home/here', action: 'write' }, { cause: full }), 'disk', /ENOSPC/],
    [full, 'disk', /ENOSPC/],
  ] as const) {
    const { own, answer } = await failing(trouble)
    const { status, parameters, retry, text } = await answer('WR_UNAVAILABLE')
    assert.deepEqual({ status, parameters, retry }, { status: 503, parameters: { reason }, retry: 'transient' })
    assert.doesNotMatch(text, /10\.1\.2\.3|PostgreSQL|home|ENOSPC/)
    assert.match(String(own.lines.find(({ level }) => level === 'error')?.fields.cause), logged)
    await own.close()
  }
})

test('a bug of ours is WR_INTERNAL, and shows nothing of itself', async () => {
  for (const bug of [new TypeError('rows.secret is undefined'), 'a text', undefined, null]) {
    const { own, answer } = await failing(bug)
    const { status, parameters, message, text } = await answer('WR_INTERNAL')
    assert.deepEqual({ status, parameters, message }, { status: 500, parameters: {}, message: 'WR_INTERNAL' })
    assert.doesNotMatch(text, /secret|TypeError|text"/)
    await own.close()
  }
})

test('a line that speaks no HTTP gets the same form, and is closed', async () => {
  const lines: Parameters<typeof startCoordinator>[1] = []
  const coordinator = await startCoordinator(await testWorld(), lines)
  const port = await coordinator.listen({ host: '127.0.0.1', port: 0 })
  for (const said of [
    'hello\r\n\r\n',
    'GET /health HTTP/9.9\r\n\r\n',
    `GET /health HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`,
  ]) {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    socket.write(said)
    await once(socket, 'close')
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 400 /)
    assert.equal(errorAnswerSchema.parse(JSON.parse(body)).error.code, 'WR_BODY_INVALID')
  }
  await coordinator.close()
})

test('a coordinator that closes lets what it has in hand come to its end before it closes the store', async () => {
  const world = await testWorld()
  const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let [held, isClosed] = [false, false]
  const store: typeof world.store = {
    ...world.store,
    async studies() {
      if (held) {
        entered.resolve()
        await released.promise
      }
      return world.store.studies()
    },
    async close() {
      isClosed = true
      await world.store.close()
    },
  }
  const own = await testFederation([], { ...world, store })
  held = true
  const asking = own.account('studies')
  await entered.promise
  const closing = own.close()
  for (let turns = 0; turns < 100; turns++) await turn()
  assert.equal(isClosed, false)
  released.resolve()
  assert.deepEqual(await asking, { studies: [] })
  await closing
  assert.equal(isClosed, true)
})
