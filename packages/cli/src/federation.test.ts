import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Network } from '@wardround/core/ports.ts'
import { eventSchema, type NewEvent, type StoredEvent } from '@wardround/core/protocol/events.ts'
import { type StudyState, studyDetailSchema } from '@wardround/core/protocol/summaries.ts'
import { sampleResults } from '@wardround/core/report/testing/sample-results.ts'
import { type Client, createClient } from '@wardround/site/client.ts'
import { testClock, testEntropy } from '@wardround/site/testing/hospital.ts'
import { findingSentences, publicResults, watchStudy } from './federation.ts'

const study = 'small-1a2b3c4d'

const stored = (events: readonly NewEvent[]): StoredEvent[] =>
  events.map((event, index) =>
    eventSchema.parse({ ...event, sequence: index + 1, at: new Date(Date.UTC(2026, 0, 1)).toISOString() }),
  )

const started: NewEvent = { kind: 'study.started', study, payload: { sites: ['north'], maximumRounds: 3 } }
const blocked: NewEvent = { kind: 'study.blocked', study, payload: { sites: ['north'] } }
const prepared: NewEvent = { kind: 'study.prepared', study, payload: { preparationHash: 'a'.repeat(64), inputs: 2 } }
const ended: NewEvent = { kind: 'study.ended', study, payload: { outcome: 'completed', stoppedBecause: 'converged' } }

/** A coordinator with a history, that gives `pageSize` events at a time. */
function coordinator(
  events: readonly NewEvent[],
  { state, pageSize = 1000 }: { state: StudyState; pageSize?: number },
) {
  const history = stored(events)
  const asked: string[] = []
  const detail = studyDetailSchema.parse({
    id: study,
    name: 'small',
    planHash: 'b'.repeat(64),
    state,
    round: 0,
    outcome: null,
    stoppedBecause: null,
    publishedAt: '2026-01-01',
    decisions: [],
    plan: {},
    preparation: null,
    findings: {
      north: [{ code: 'missingColumn', severity: 'error', column: 'age' }],
      south: [{ code: 'oneClass', severity: 'error', column: 'ill' }],
    },
    failures: [],
    waitingFor: [],
    lost: [],
    sequence: history.length,
  })
  const network: Network = {
    async send({ path, signal }) {
      asked.push(path)
      if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
      const after = Number(new URL(path, 'https://localhost').searchParams.get('after'))
      const page = history.slice(after, after + pageSize)
      // One who waits for more than there is has made a mistake.
      assert.ok(path.startsWith('/v1/studies/') || page.length > 0, 'asked beyond the end')
      const answer = path.startsWith('/v1/events') ? { events: page, sequence: after + page.length } : detail
      return { status: 200, headers: {}, body: bytes(JSON.stringify(answer)) }
    },
  }
  const client: Client = createClient({
    network,
    clock: testClock(),
    entropy: testEntropy(),
    version: '0.1.0',
    identity: { kind: 'nobody' },
  })
  return { client, asked, history }
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

test('a study is followed to its end, page after page, each event once and in order', async () => {
  for (const pageSize of [1, 2, 1000]) {
    const { client, history } = coordinator([started, prepared, ended], { state: 'ended', pageSize })
    const seen: StoredEvent[] = []
    await watchStudy(client, study, { onEvent: (event) => void seen.push(event) })
    assert.deepEqual(seen, history)
    const late: StoredEvent[] = []
    await watchStudy(client, study, { onEvent: (event) => void late.push(event), after: 1 })
    assert.deepEqual(late, history.slice(1))
  }
})

test('preflight that stops a study stops who watches it, by name of the hospitals', async () => {
  const { client } = coordinator([started, blocked], { state: 'blocked' })
  await assert.rejects(watchStudy(client, study, { onEvent: () => undefined }), (error) => {
    assert.ok(error instanceof WardroundError)
    assert.equal(error.code, 'WR_STUDY_PREFLIGHT')
    assert.deepEqual(error.parameters.sites, ['north'])
    return true
  })
  assert.deepEqual(await findingSentences(client, study), [
    'north has no column age. Say in its site.yaml what it is called there: columns: { age: NAME }',
    'south: every record has the same ill; there is nothing to tell apart. Check the target and its rule, or, if it is so, say in its site.yaml: data: { oneOutcome: true }',
  ])
})

test('a study that was stopped, mended and started again is followed to its end, also by one who comes late', async () => {
  for (const pageSize of [1, 2, 1000]) {
    const { client, history } = coordinator([started, blocked, started, prepared, ended], { state: 'ended', pageSize })
    const seen: StoredEvent[] = []
    await watchStudy(client, study, { onEvent: (event) => void seen.push(event) })
    assert.deepEqual(seen, history)
  }
})

test('with a clock, pages are asked for at a pace', async () => {
  const { client, history } = coordinator([started, prepared, ended], { state: 'ended', pageSize: 1 })
  const clock = testClock()
  const seen: StoredEvent[] = []
  await watchStudy(client, study, { clock, onEvent: (event) => void seen.push(event) })
  assert.deepEqual(seen, history)
  assert.deepEqual(clock.slept, [100, 100])
})

test('a coordinator that is away for a while is waited for, and no event is missed or seen twice', async () => {
  const { client, history } = coordinator([started, prepared, ended], { state: 'ended', pageSize: 1 })
  let asked = 0
  const away: Client = {
    ...client,
    call: (...given) => {
      asked += 1
      if (asked === 2 || asked === 3) throw new WardroundError('WR_UNREACHABLE', { url: 'x', reason: 'away' })
      return client.call(...given)
    },
  }
  const said: string[] = []
  const seen: StoredEvent[] = []
  const watching = { onEvent: (event: StoredEvent) => void seen.push(event) }
  const patience = {
    clock: testClock(),
    entropy: testEntropy(),
    onWait: ({ code }: WardroundError) => void said.push(code),
    onBack: () => void said.push('back'),
  }
  await watchStudy(away, study, { ...watching, patience })
  assert.deepEqual(seen, history)
  assert.deepEqual(said, ['WR_UNREACHABLE', 'WR_UNREACHABLE', 'back'])
  asked = 0
  await assert.rejects(
    watchStudy(away, study, watching),
    (error) => error instanceof WardroundError && error.code === 'WR_UNREACHABLE',
  )
})

test('one who has stopped asks nothing more', async () => {
  const { client, asked } = coordinator([started, prepared, ended], { state: 'ended', pageSize: 1 })
  const stop = new AbortController()
  const watched = watchStudy(client, study, { onEvent: () => stop.abort(), signal: stop.signal })
  await assert.rejects(watched, (error) => error instanceof WardroundError && error.code === 'WR_CANCELLED')
  assert.equal(asked.length, 1)
})

test('what scripts read are figures: the results without statistics, predictions or the plan', () => {
  const results = sampleResults()
  const shown = publicResults(results)
  assert.doesNotMatch(JSON.stringify(shown), /"(?:statistic|plan|preparation|machine)"/)
  assert.equal(shown.weightsSha256, results.weightsSha256)
  assert.equal(shown.rounds, results.rounds.length)
  for (const [index, site] of results.sites.entries()) {
    assert.deepEqual(shown.sites[index]?.federated, {
      accuracy: site.federated.accuracy,
      auroc: site.federated.auroc,
      brier: site.federated.brier,
    })
  }
  assert.equal(
    publicResults({ ...results, overall: { ...results.overall, centralised: null } }).overall.centralised,
    null,
  )
})
