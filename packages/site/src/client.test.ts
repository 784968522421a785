import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { type ClientOptions, createClient, persistently } from './client.ts'
import { errorBody, fakeCoordinator } from './testing/fake-coordinator.ts'
import { testClock, testEntropy } from './testing/hospital.ts'
import { newKeys } from './testing/keys.ts'

const coded = (code: string) => (error: unknown) => {
  assert.ok(error instanceof WardroundError, String(error))
  assert.equal(error.code, code)
  return true
}

/** A joined site's client, and the coordinator that it talks to. */
async function site({ aheadMs = 0, onSend }: { aheadMs?: number; onSend?: ClientOptions['onSend'] } = {}) {
  const [clock, entropy, keys] = [testClock(), testEntropy(), newKeys()]
  const coordinator = await fakeCoordinator({ clock, aheadMs })
  coordinator.state.sites.set('budapest', keys.publicKey)
  const identity = { kind: 'site' as const, site: 'budapest', keys, coordinatorKey: coordinator.publicKey }
  const { network } = coordinator
  const hook = onSend === undefined ? {} : { onSend }
  const client = createClient({ network, identity, clock, entropy, version: '0.1.0', ...hook })
  return { client, clock, entropy, state: coordinator.state, blob: coordinator.blob, coordinator }
}

test('each request is signed anew: the same call twice is no replay', async () => {
  const { client } = await site()
  assert.deepEqual(await client.call('offers'), { offers: [] })
  assert.deepEqual(await client.call('offers'), { offers: [] })
})

test('a clock that is off is corrected once, either way, and stays corrected', async () => {
  for (const aheadMs of [3_600_000, -86_400_000]) {
    const { client, clock, state } = await site({ aheadMs })
    assert.deepEqual(await client.call('nextTask', { query: { wait: 0 } }), { task: null })
    assert.equal(state.heard.length, 2)
    assert.ok(Math.abs(client.coordinatorNow() - clock.now() - aheadMs) < 1000)
    await client.call('offers')
    assert.equal(state.heard.length, 3)
  }
})

test('requests that are refused together for our clock correct it once, not once each', async () => {
  const aheadMs = 500_000
  const { client, clock, state } = await site({ aheadMs })
  await Promise.all(Array.from({ length: 5 }, () => client.call('nextTask', { query: { wait: 0 } })))
  assert.equal(state.heard.length, 10)
  assert.ok(Math.abs(client.coordinatorNow() - clock.now() - aheadMs) < 1000)
})

test('a coordinator that never accepts our time is not asked for ever', async () => {
  const { client, state } = await site()
  state.fault = () => ({ status: 401, body: clockBody })
  await assert.rejects(client.call('offers'), coded('WR_PROOF_CLOCK'))
})
const clockBody = JSON.stringify({
  error: {
    code: 'WR_PROOF_CLOCK',
    parameters: { skewMs: 100_000 },
    message: '',
    retry: 'transient',
    requestId: 'r',
    nowMs: 0,
  },
})

test('a coded refusal keeps its code and parameters; an answer that is none of ours is a broken line', async () => {
  const { client, state } = await site()
  const sha256 = 'a'.repeat(64)
  await assert.rejects(client.download('blob', { params: { sha256 } }), (error: unknown) => {
    assert.ok(error instanceof WardroundError && error.code === 'WR_BLOB_MISSING')
    assert.equal(error.parameters.sha256, sha256)
    return true
  })
  for (const [status, body] of [
    [502, '<html>Bad gateway</html>'],
    [404, ''],
    [500, '{"error":"x"}'],
  ] as const) {
    state.fault = () => ({ status, body })
    await assert.rejects(client.call('offers'), coded('WR_UNREACHABLE'))
  }
  state.fault = () => ({ status: 200, body: '{"offers": 1}' })
  await assert.rejects(client.call('offers'), coded('WR_BODY_INVALID'))
  state.fault = () => ({ status: 418, body: errorBody('WR_SITE_LEFT', 0) })
  await assert.rejects(client.call('offers'), coded('WR_SITE_LEFT'))
})

test('what is wrong at the coordinator is no verdict on what a site brings: it is tried again', async () => {
  const { client, state } = await site()
  state.fault = () => ({ status: 500, body: errorBody('WR_INTERNAL', 0) })
  await assert.rejects(client.call('offers'), (error: unknown) => {
    assert.ok(coded('WR_UNAVAILABLE')(error))
    return error instanceof WardroundError && error.retry === 'transient'
  })
})

test('a body that may not be written down does not leave', async () => {
  const { client, state } = await site({
    onSend: () => {
      throw new WardroundError('WR_DISK', { path: 'journal', reason: 'full' })
    },
  })
  await assert.rejects(client.call('leave', { body: {} }), coded('WR_DISK'))
  assert.equal(state.heard.length, 0)
  await client.call('offers')
})

test('every body is shown before it leaves, and nothing that has none', async () => {
  const seen: string[] = []
  const made = await site({ onSend: ({ name, body }) => void seen.push(`${name} ${body.length}`) })
  await made.client.call('offers')
  await made.client.call('leave', { body: {} })
  assert.deepEqual(seen, ['leave 2'])
})

test('an account shows its secret, nobody shows nothing', async () => {
  const headers: (string | undefined)[] = []
  const network: ClientOptions['network'] = {
    send: async (request) => {
      headers.push(request.headers.authorization)
      async function* body(): AsyncGenerator<Uint8Array> {
        yield new TextEncoder().encode('{"sites":[]}')
      }
      return { status: 200, headers: {}, body: body() }
    },
  }
  const common = { network, clock: testClock(), entropy: testEntropy(), version: '0.1.0' }
  await createClient({ ...common, identity: { kind: 'account', secret: 's3cret' } }).call('sites')
  await createClient({ ...common, identity: { kind: 'nobody' } }).call('sites')
  assert.deepEqual(headers, ['Bearer s3cret', undefined])
})

test('persistence: transient errors are tried again, permanent ones and a stop are not', async () => {
  const tools = { clock: testClock(), entropy: testEntropy() }
  let attempts = 0
  const failing = (error: Error, times: number) => async (): Promise<string> => {
    attempts += 1
    if (attempts <= times) throw error
    return 'done'
  }
  const unreachable = new WardroundError('WR_UNREACHABLE', { url: 'x', reason: 'y' })
  assert.equal(await persistently(failing(unreachable, 7), tools), 'done')
  assert.equal(attempts, 8)
  attempts = 0
  await assert.rejects(persistently(failing(unreachable, 7), tools, 3), coded('WR_UNREACHABLE'))
  assert.equal(attempts, 3)
  for (const error of [new WardroundError('WR_SITE_LEFT', { site: 'x' }), new WardroundError('WR_CANCELLED')]) {
    attempts = 0
    await assert.rejects(persistently(failing(error, 7), tools), coded(error.code))
    assert.equal(attempts, 1)
  }
  attempts = 0
  await assert.rejects(persistently(failing(new Error('a bug'), 7), tools), /a bug/)
  assert.equal(attempts, 1)
  attempts = 0
  const stop = AbortSignal.abort()
  await assert.rejects(persistently(failing(unreachable, 7), { ...tools, signal: stop }), coded('WR_UNREACHABLE'))
  assert.equal(attempts, 1)
})

test('persistence: pauses double, with a jitter, and stay below half a minute', async () => {
  const clock = testClock()
  const unreachable = new WardroundError('WR_UNREACHABLE', { url: 'x', reason: 'y' })
  const always = async (): Promise<never> => {
    throw unreachable
  }
  await assert.rejects(persistently(always, { clock, entropy: testEntropy() }, 15), coded('WR_UNREACHABLE'))
  for (const [index, waitMs] of clock.slept.entries()) {
    const whole = Math.min(30_000, 200 * 2 ** index)
    assert.ok(waitMs >= whole / 2 - 1 && waitMs <= whole, `${waitMs} of ${whole}`)
  }
})

test('a client that holds nothing says nothing, and is given nothing with a task', async () => {
  const { client, state } = await site()
  state.tasks.push({ id: 't', document: '{}', signature: '' })
  state.enclosed = 'AQID'
  assert.deepEqual(await client.call('nextTask', { query: { wait: 0 } }), { task: { document: '{}', signature: '' } })
})
