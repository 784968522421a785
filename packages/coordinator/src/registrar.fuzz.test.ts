/** Whatever anybody sends to any route: an answer of the promised form, or a coded refusal; never a stack, never a 5xx. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorAnswerSchema, pathOf, type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { sign } from '@wardround/core/protocol/signing.ts'
import fc from 'fast-check'
import type { z } from 'zod'
import { type TestClock, testClock, turn } from './testing/clock.ts'
import { except, honest, type TestFederation, testFederation, testWorld } from './testing/federation.ts'
import { type Authorise, asAccount, asNobody, asSite, type Request, send } from './testing/requests.ts'
import { parsedPlan, smallPlan, survey } from './testing/study.ts'

/** Who waits for an answer has waited at once; deadlines of studies do not come. */
function hastyClock(): TestClock {
  const clock = testClock()
  const sleep: TestClock['sleep'] = async (delayMs, signal) => {
    if (delayMs > 30_000) return clock.sleep(delayMs, signal)
    await turn()
    if (!signal?.aborted) await clock.pass(delayMs)
  }
  return { ...clock, sleep }
}

let federation: TestFederation
let examples: Readonly<Record<RouteName, Example>>
let authorised: Readonly<Record<'nobody' | 'account' | 'site' | 'forged', Authorise>>

type Example = { readonly params?: object; readonly query?: object; readonly body?: unknown }

before(async () => {
  federation = await testFederation(['a', 'z'], await testWorld({ clock: hastyClock() }))
  const parsed = parsedPlan()
  const study = await federation.publish(parsed)
  const { id } = await federation.account('publish', { body: { plan: smallPlan({ name: 'other' }) } })
  await federation.start(study, ['a'])
  const short = parsedPlan({ name: 'short', rounds: { maximum: 1 } })
  const ended = await federation.publish(short)
  await federation.start(ended)
  await federation.work(except(honest(short), (task) => (task.study === ended ? undefined : 'silent')))
  const writer = await federation.world.blobs.writer()
  await writer.write(Buffer.from('a blob'))
  const { sha256 } = await writer.finish()
  const task = `${study}-prepare-1-a`
  const { signer } = federation.site('a')
  const grant = { version: 1, study, planHash: parsed.planHash, site: 'a', decision: 'approved', decidedAt: 1 }
  const document = JSON.stringify(grant)
  const ofStudy = { params: { study: ended } }
  examples = {
    health: {},
    metrics: {},
    join: { body: { site: 'b', secret: 'x'.repeat(43), publicKey: signer.keys.publicKey, version: '0.1.0' } },
    leave: { body: {} },
    offers: {},
    decide: { body: { document, signature: await sign(signer.keys, 'wardround-grant-v1', document) } },
    nextTask: { query: { wait: 1 } },
    blob: { params: { sha256 } },
    uploadState: { params: { task } },
    upload: { params: { task }, query: { offset: 0, sizeBytes: 5, sha256 }, body: 'bytes' },
    report: { params: { task }, body: { kind: 'prepare', survey: survey() } },
    progress: { params: { task }, body: { done: 0.5 } },
    createToken: { body: { site: 'new', validForMs: 1000 } },
    sites: {},
    removeSite: { params: { site: 'z' } },
    publish: { body: { plan: smallPlan({ name: 'third' }) } },
    studies: {},
    study: ofStudy,
    start: { params: { study: id }, body: { sites: ['a'] } },
    stop: { params: { study }, body: {} },
    results: ofStudy,
    model: { ...ofStudy, query: { format: 'onnx' } },
    weights: ofStudy,
    events: { query: { after: 0, study, wait: 1 } },
    eventStream: { query: { after: 0, study } },
    audit: { query: { after: 0, limit: 10 } },
  }
  authorised = {
    nobody: asNobody,
    account: asAccount(federation.secret),
    site: asSite(signer),
    forged: asSite({ ...signer, keys: federation.site('z').keys }),
  }
})
after(() => federation.close())

const nasty = fc.constantFrom(
  '',
  '\0',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%00',
  '\ud800',
  "'; drop table sites; --",
  'x'.repeat(5000),
  1e308,
  -1,
  2 ** 53,
  Number.MIN_VALUE,
  null,
  true,
)
const anyJson: fc.Arbitrary<unknown> = fc.oneof(nasty, fc.jsonValue({ maxDepth: 2 }))

/** What to change in an example: the place that `at` picks is replaced, taken away, or given a neighbour. */
const change = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'remove', 'add'),
  value: anyJson,
  key: fc.string(),
})
type Change = { at: number; how: string; value: unknown; key: string }

/** Every object or array in a value, with the keys to it. */
const places = (value: unknown): [holder: object, key: string][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]): [object, string][] => [[value, key], ...places(inner)])
    : []

function changed(example: Example, changes: readonly Change[]): Example {
  const copy = structuredClone(example)
  for (const { at, how, value, key } of changes) {
    const all = places(copy)
    const [holder, place] = all[at % Math.max(1, all.length)] ?? [copy, 'body']
    if (how === 'replace') Reflect.set(holder, place, value)
    else if (how === 'remove') Reflect.deleteProperty(holder, place)
    else if (Array.isArray(holder)) holder.push(value)
    else Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return copy
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined'))

function requestFor(name: RouteName, { params, query, body }: Example): Request {
  const { method, path } = routes[name]
  const texts = (of: object | undefined): [string, string][] =>
    Object.entries(Object(of ?? {})).map(([key, value]) => [key, textOf(value).toWellFormed()])
  const search = new URLSearchParams(texts(query))
  const content =
    body === undefined || method === 'GET'
      ? {}
      : { body: name === 'upload' ? textOf(body) : (JSON.stringify(body) ?? '') }
  return {
    method,
    path: pathOf(path, Object.fromEntries(texts(params))) + (search.size === 0 ? '' : `?${search}`),
    ...content,
  }
}

/** Sends it, and holds the answer against what was promised. */
async function holds(request: Request, name?: RouteName): Promise<number> {
  const { status, body, headers } = await send(federation.way, request)
  const text = body.toString('utf8')
  const said = `${request.method} ${request.path.slice(0, 200)} ${String(request.body).slice(0, 500)}: ${status} ${text.slice(0, 500)}`
  assert.ok(status < 500, said)
  if (status >= 400) {
    assert.match(headers['content-type'] ?? '', /^application\/json/, said)
    const { error } = errorAnswerSchema.parse(JSON.parse(text))
    assert.ok(error.requestId.length > 0)
    assert.doesNotMatch(text, /\.ts:\d|node_modules|\\n {4}at /, said)
  } else if (name !== undefined) {
    const answer: z.ZodType | string = routes[name].answer
    if (typeof answer !== 'string') assert.ok(answer.safeParse(JSON.parse(text)).success, said)
  }
  return status
}

const names = Object.keys(routes) as RouteName[]
/** A stream that is granted does not end: routes/records.test.ts reads it. */
const whoFor = (name: RouteName, who: 'nobody' | 'account' | 'site' | 'forged') =>
  name === 'eventStream' && who === 'account' ? 'site' : who

for (const name of names)
  test(`${name}: right requests with something wrong in them`, async () => {
    const who = fc.constantFrom('nobody', 'account', 'site', 'site', 'account', 'forged')
    await fc.assert(
      fc.asyncProperty(who, fc.array(change, { maxLength: 3 }), async (given, changes) => {
        const request = requestFor(name, changed(examples[name], changes))
        const headers = await authorised[whoFor(name, given)](request)
        await holds({ ...request, headers }, name)
      }),
      { numRuns: 40 },
    )
  })

test('anything at all, anywhere', async () => {
  const letter = fc.constantFrom(
    'a',
    '/',
    '.',
    '%',
    '2',
    'f',
    '?',
    '=',
    '&',
    ':',
    ' ',
    ';',
    '-',
    'v1',
    'studies',
    'site',
  )
  const path = fc.array(letter, { maxLength: 20 }).map((letters) => `/${letters.join('').replaceAll(' ', '%20')}`)
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'),
    path: fc.oneof(path, fc.constantFrom(...names.map((name) => routes[name].path))),
    body: fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.json(), fc.string()),
    headers: fc.dictionary(
      fc.constantFrom('authorization', 'range', 'last-event-id', 'wardround-version', 'accept', 'expect', 'cookie'),
      fc.string({ unit: 'grapheme-ascii', maxLength: 30 }).map((text) => text.trim()),
    ),
  })
  await fc.assert(
    fc.asyncProperty(request, async (request) => {
      const { status, body } = await send(federation.way, request)
      assert.ok(status < 500, `${status} ${body}`)
      if (status >= 400 && request.method !== 'HEAD') errorAnswerSchema.parse(JSON.parse(body.toString('utf8')))
    }),
    { numRuns: 400 },
  )
})

test('nothing of all this was a fault of ours, or left anything broken', async () => {
  assert.deepEqual(
    federation.lines.filter(({ level }) => level === 'error'),
    [],
  )
  const { entries, holds: chain } = await federation.account('audit')
  assert.ok(chain && entries.length > 0)
  assert.ok((await federation.account('studies')).studies.length >= 2)
  await federation.account('events')
})
