import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { eventSchema, type StoredEvent } from '@wardround/core/protocol/events.ts'
import { asleep, turn } from '../testing/clock.ts'
import { closed } from '../testing/closed.ts'
import { type TestFederation, testFederation, testWorld } from '../testing/federation.ts'
import { asAccount, type Request, requestOf, send } from '../testing/requests.ts'

const happen = ({ world }: TestFederation, site: string, study: string | null = null): Promise<void> =>
  world.store.transaction((tables) => tables.event({ kind: 'site.joined', study, payload: { site } }))
const sequences = (events: readonly StoredEvent[]): number[] => events.map(({ sequence }) => sequence)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)

test('events: what is there comes at once, after a sequence, of one study', async () => {
  const federation = await testFederation([])
  for (const study of ['s', null, 't', 's']) await happen(federation, 'a', study)
  const events = async (query: object) => federation.account('events', { query })
  assert.deepEqual(sequences((await events({})).events), [1, 2, 3, 4])
  assert.deepEqual(sequences((await events({ after: 2, wait: 30 })).events), [3, 4])
  const ofStudy = await events({ study: 's', after: 1 })
  assert.deepEqual([sequences(ofStudy.events), ofStudy.sequence], [[4], 4])
  const none = await events({ after: 4 })
  assert.deepEqual([none.events, none.sequence], [[], 4])
  await closed(federation)
})

test('events: who waits is woken by the first, and by time where there is none', async () => {
  const federation = await testFederation([])
  const { clock } = federation.world
  const waiting = federation.account('events', { query: { wait: 30 } })
  await asleep(clock, 1)
  await happen(federation, 'a')
  assert.deepEqual(sequences((await waiting).events), [1])
  const late = federation.account('events', { query: { after: 1, wait: 30 } })
  await asleep(clock, 1)
  await happen(federation, 'b', 's')
  assert.deepEqual(sequences((await late).events), [2])
  const other = federation.account('events', { query: { after: 2, study: 's', wait: 30 } })
  await asleep(clock, 1)
  await clock.pass(10_000)
  // Of another study: it looks, and goes on waiting, no longer than it said.
  await happen(federation, 'c', 't')
  await asleep(clock, 1)
  assert.deepEqual(clock.alarms(), [clock.now() + 20_000])
  await clock.pass(20_000)
  assert.deepEqual(await other, { events: [], sequence: 2 })
  await closed(federation)
})

test('events: a reader page by page misses none and sees none twice, while they happen', async () => {
  const federation = await testFederation([])
  const [total, seen]: [number, number[]] = [60, []]
  const happening = Promise.all(
    upTo(total).map(async (number) => {
      for (let wait = 0; wait < number % 7; wait++) await turn()
      await happen(federation, `site-${number}`)
    }),
  )
  let after = 0
  while (seen.length < total) {
    const page = await federation.account('events', { query: { after, wait: 30 } })
    seen.push(...sequences(page.events))
    after = page.sequence
  }
  await happening
  assert.deepEqual(seen, upTo(total))
  await closed(federation)
})

test('events: a coordinator that closes keeps nobody waiting', async () => {
  const federation = await testFederation([])
  const waiting = federation.account('events', { query: { wait: 30 } })
  await asleep(federation.world.clock, 1)
  await federation.close()
  assert.deepEqual(await waiting, { events: [], sequence: 0 })
})

type Frame = { readonly id: number; readonly event: string; readonly data: StoredEvent }

/** Server-sent events (HTML standard, section 9.2.6) as they arrive. */
async function watch({ way, secret }: TestFederation, { headers = {}, path = '/v1/events/stream' } = {}) {
  const request: Request = { method: 'GET', path }
  const {
    statusCode,
    headers: answered,
    stream,
  } = await way.app().inject({
    method: 'GET',
    url: path,
    headers: { ...headers, ...(await asAccount(secret)(request)) },
    payloadAsStream: true,
  })
  const body: Readable = stream()
  let [text, open] = ['', true]
  body.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  body.on('end', () => {
    open = false
  })
  const blocks = (): string[] => text.split('\n\n').slice(0, -1)
  return {
    statusCode,
    type: answered['content-type'],
    isOpen: () => open,
    comments: () => blocks().filter((block) => block.startsWith(':')).length,
    frames: (): Frame[] =>
      blocks()
        .filter((block) => !block.startsWith(':'))
        .map((block) => {
          const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
          return { id: Number(fields.id), event: fields.event, data: eventSchema.parse(JSON.parse(fields.data)) }
        }),
    hangUp: () => body.destroy(),
  }
}
/** Between two writes to a watcher. */
const paceMs = 250
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 20; turns++) await turn()
}
/** Waits until it is so. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await turn()
  await settle()
}

test('the stream: each event once, in order, with its number, as it happens', async () => {
  const federation = await testFederation([])
  await happen(federation, 'a')
  const watcher = await watch(federation)
  assert.deepEqual([watcher.statusCode, watcher.type], [200, 'text/event-stream'])
  await until(() => watcher.frames().length > 0)
  assert.deepEqual(
    watcher.frames().map(({ id }) => id),
    [1],
  )
  await happen(federation, 'b')
  await happen(federation, 'c')
  await federation.pass(paceMs)
  await until(() => watcher.frames().length > 2)
  assert.deepEqual(
    watcher.frames().map(({ id, event, data }) => [id, event, data]),
    (await federation.events()).map((event) => [event.sequence, event.kind, event]),
  )
  watcher.hangUp()
  await closed(federation)
})

test('the stream: what happens in a quarter of a second is written at once; a page that is full is not waited for', async () => {
  const federation = await testFederation([])
  const watcher = await watch(federation)
  const seen = (): number[] => watcher.frames().map(({ id }) => id)
  await asleep(federation.world.clock, 1)
  await happen(federation, 'first')
  await until(() => seen().length > 0)
  for (const site of ['b', 'c']) await happen(federation, site)
  await federation.pass(paceMs - 1)
  await settle()
  assert.deepEqual(seen(), [1])
  await federation.pass(1)
  await until(() => seen().length > 1)
  assert.deepEqual(seen(), [1, 2, 3])
  await federation.pass(paceMs)
  await asleep(federation.world.clock, 1)
  const many = upTo(230).map((number) => ({
    kind: 'site.joined' as const,
    study: null,
    payload: { site: `s${number}` },
  }))
  await federation.world.store.transaction((tables) => tables.event(...many))
  await until(() => seen().length > 200)
  assert.deepEqual(seen(), upTo(3 + many.length))
  watcher.hangUp()
  await closed(federation)
})

test('the stream: a watcher who comes back with the last number goes on there, without a gap', async () => {
  const federation = await testFederation([])
  for (const site of ['a', 'b', 'c']) await happen(federation, site)
  const first = await watch(federation)
  await until(() => first.frames().length > 0)
  const last = first.frames().at(-1)?.id
  assert.equal(last, 3)
  first.hangUp()
  for (const site of ['d', 'e']) await happen(federation, site)
  const again = await watch(federation, { headers: { 'last-event-id': String(last) } })
  await until(() => again.frames().length > 1)
  await happen(federation, 'f')
  await federation.pass(paceMs)
  await until(() => again.frames().length > 2)
  assert.deepEqual(
    again.frames().map(({ id }) => id),
    [4, 5, 6],
  )
  // The later of both counts; what is no number counts for nothing.
  const ids = async (after: number, id: string): Promise<number[]> => {
    const watcher = await watch(federation, {
      path: `/v1/events/stream?after=${after}`,
      headers: { 'last-event-id': id },
    })
    await until(() => watcher.frames().length > 0)
    watcher.hangUp()
    return watcher.frames().map((frame) => frame.id)
  }
  assert.deepEqual(await ids(4, '2'), [5, 6])
  assert.deepEqual(await ids(2, '4'), [5, 6])
  for (const id of ['', 'x', '-1', '5.5', 'Infinity', '1e1', '0x5', '9'.repeat(400)])
    assert.deepEqual(await ids(4, id), [5, 6], id)
  again.hangUp()
  await closed(federation)
})

test('the stream: of one study; a sign of life every 15 seconds without an event', async () => {
  const federation = await testFederation([])
  const watcher = await watch(federation, { path: '/v1/events/stream?study=s' })
  await happen(federation, 'a', 't')
  await happen(federation, 'b', 's')
  await until(() => watcher.frames().length > 0)
  assert.deepEqual(
    watcher.frames().map(({ id }) => id),
    [2],
  )
  assert.equal(watcher.comments(), 0)
  await federation.pass(paceMs)
  for (let beat = 1; beat <= 3; beat++) {
    await asleep(federation.world.clock, 1)
    await federation.pass(14_999)
    await settle()
    assert.equal(watcher.comments(), beat - 1)
    await federation.pass(1)
    await until(() => watcher.comments() === beat)
  }
  watcher.hangUp()
  await closed(federation)
})

test('the stream: it ends when the coordinator closes, and when the store fails, so that the watcher comes back', async () => {
  const world = await testWorld()
  let broken = false
  const store: typeof world.store = {
    ...world.store,
    events: async (query) => {
      if (broken) throw new Error('the line to the database is cut')
      return world.store.events(query)
    },
  }
  const federation = await testFederation([], { ...world, store })
  const [first, second] = [await watch(federation), await watch(federation)]
  await asleep(federation.world.clock, 2)
  broken = true
  await happen(federation, 'a')
  await until(() => !first.isOpen() && !second.isOpen())
  assert.ok(federation.lines.some(({ level, fields }) => level === 'error' && fields.code === 'WR_INTERNAL'))
  broken = false
  const third = await watch(federation)
  await until(() => third.frames().length > 0)
  assert.deepEqual([third.isOpen(), third.frames().length], [true, 1])
  await federation.close()
  await until(() => !third.isOpen())
})

test('the stream: a coordinator that closes does not wait for a watcher whose line it has cut', {
  timeout: 20_000,
}, async () => {
  const world = await testWorld()
  const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const store: typeof world.store = {
    ...world.store,
    async events(query) {
      entered.resolve()
      await released.promise
      return world.store.events(query)
    },
  }
  const federation = await testFederation([], { ...world, store })
  await happen(federation, 'a')
  const port = await federation.coordinator.listen({ host: '127.0.0.1', port: 0 })
  const request: Request = { method: 'GET', path: '/v1/events/stream' }
  const headers = await asAccount(federation.secret)(request)
  const watching = get({ host: '127.0.0.1', port, path: request.path, headers })
  const [answer] = (await once(watching, 'response')) as [IncomingMessage]
  const cut = once(answer, 'error')
  await entered.promise
  const closing = federation.close()
  await cut
  // There is something to write, and nobody left to read it.
  released.resolve()
  await closing
})

test('the stream: its head comes at once, however long nothing happens', async () => {
  const federation = await testFederation([])
  const port = await federation.coordinator.listen({ host: '127.0.0.1', port: 0 })
  const request: Request = { method: 'GET', path: '/v1/events/stream' }
  const headers = await asAccount(federation.secret)(request)
  // Nothing has happened, and on this clock no time passes.
  const watching = get({ host: '127.0.0.1', port, path: request.path, headers, signal: AbortSignal.timeout(5000) })
  const [answer] = (await once(watching, 'response')) as [IncomingMessage]
  assert.equal(answer.headers['content-type'], 'text/event-stream')
  answer.destroy()
  await closed(federation)
})

test('the audit in pages, and whether all of it holds', async () => {
  const world = await testWorld()
  let tampered = false
  const store: typeof world.store = {
    ...world.store,
    auditEntries: async (after, limit) => {
      const entries = await world.store.auditEntries(after, limit)
      return entries.map((entry) =>
        tampered && entry.sequence === 2 ? { ...entry, body: { site: 'mallory' } } : entry,
      )
    },
  }
  const federation = await testFederation(['a', 'b'], { ...world, store })
  const { entries, holds } = await federation.account('audit')
  assert.equal(holds, true)
  assert.deepEqual(
    entries.map(({ sequence, kind }) => `${sequence} ${kind}`),
    ['1 token.created', '2 site.joined', '3 token.created', '4 site.joined'],
  )
  const page = await federation.account('audit', { query: { after: 2, limit: 1 } })
  assert.deepEqual(page.entries, entries.slice(2, 3))
  tampered = true
  // A page without the changed entry says so as well.
  assert.equal((await federation.account('audit', { query: { after: 3 } })).holds, false)
  tampered = false
  await closed(federation)
})

/** Prometheus' text format: comments, and `name value` with a TYPE before it. */
function parseMetrics(text: string): Record<string, { type: string; value: number }> {
  const types: Record<string, string> = {}
  const metrics: Record<string, { type: string; value: number }> = {}
  assert.ok(text.endsWith('\n'))
  for (const line of text.slice(0, -1).split('\n')) {
    const [, named, type] = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$/.exec(line) ?? []
    if (named !== undefined) {
      assert.equal(types[named], undefined, `${named} twice`)
      types[named] = type ?? ''
      continue
    }
    const [, name = '', value] = /^([a-zA-Z_:][a-zA-Z0-9_:]*) ([0-9.e+-]+)$/.exec(line) ?? []
    assert.ok(types[name] !== undefined, line)
    metrics[name] = { type: types[name], value: Number(value) }
  }
  return metrics
}

test('metrics: Prometheus reads them, and they count requests, refusals and sites', async () => {
  const federation = await testFederation(['a', 'b'])
  const metrics = async () => {
    const { body, headers } = await send(federation.way, requestOf('metrics', {}))
    assert.match(headers['content-type'] ?? '', /^text\/plain/)
    return parseMetrics(String(body))
  }
  const before = await metrics()
  assert.deepEqual(
    Object.entries(before).map(([name, { type }]) => `${name} ${type}`),
    ['wardround_requests_total counter', 'wardround_errors_total counter', 'wardround_sites_heard gauge'],
  )
  await federation.site('a').call('offers')
  await send(federation.way, { method: 'GET', path: '/nothing' })
  await send(federation.way, requestOf('studies', {}))
  const now = await metrics()
  const grown = (name: string): number => (now[name]?.value ?? 0) - (before[name]?.value ?? 0)
  // offers, two refusals, and the first reading of the metrics.
  assert.deepEqual(
    ['wardround_requests_total', 'wardround_errors_total', 'wardround_sites_heard'].map(grown),
    [4, 2, 1],
  )
  await closed(federation)
})
