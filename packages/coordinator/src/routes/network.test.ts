import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { sha256Of } from '../digest.ts'
import { closed } from '../testing/closed.ts'
import { coded } from '../testing/errors.ts'
import { startedStudy, type TestFederation, testFederation } from '../testing/federation.ts'
import { newKeys } from '../testing/keys.ts'
import { asNobody, caller, requestOf, send } from '../testing/requests.ts'

const day = 86_400_000

/** A token for a new site, and joining with its secret under any name and key. */
async function invited(federation: TestFederation, name: string, validForMs = day) {
  const { token, expiresAt } = await federation.account('createToken', { body: { site: name, validForMs } })
  const { secret, ...rest } = decodeToken('join', token)
  const { publicKey } = newKeys()
  const call = caller(federation.way, asNobody)
  const join = (change: Partial<{ site: string; secret: string; publicKey: string; version: string }> = {}) =>
    call('join', { body: { site: name, secret, publicKey, version: '0.1.0', ...change } })
  return { token: rest, expiresAt, secret, publicKey, join }
}
const keyOf = async ({ world }: TestFederation, site: string) => (await world.store.site(site))?.public_key

test('a token says where, whom and until when; the store keeps its digest only', async () => {
  const federation = await testFederation([])
  federation.coordinator.setPublicUrl('https://coordinator.example:8443')
  const { token, expiresAt, secret } = await invited(federation, 'a', 3_600_000)
  assert.deepEqual(token, {
    url: 'https://coordinator.example:8443',
    name: 'a',
    coordinatorKey: federation.world.keys.publicKey,
  })
  assert.equal(expiresAt, '2026-01-01T01:00:00.000Z')
  const row = await federation.world.store.token(sha256Of(secret))
  assert.deepEqual(
    { ...row },
    { secret_sha256: sha256Of(secret), site: 'a', expires_at: Date.parse(expiresAt), used_at: null },
  )
  assert.doesNotMatch(JSON.stringify(await federation.account('audit')), new RegExp(secret))
  await closed(federation)
})

test('joining: once, told to everybody, and written down', async () => {
  const federation = await testFederation([])
  const { join, publicKey } = await invited(federation, 'a')
  const { nowMs } = await join({ version: '0.2.0' })
  assert.equal(nowMs, federation.world.clock.now())
  assert.deepEqual(
    (await federation.events()).map(({ kind, payload }) => ({ kind, payload })),
    [{ kind: 'site.joined', payload: { site: 'a' } }],
  )
  const { entries } = await federation.account('audit')
  assert.deepEqual(entries.at(-1)?.body, { site: 'a', publicKey })
  const { sites } = await federation.account('sites')
  const joinedAt = '2026-01-01T00:00:00.000Z'
  assert.deepEqual(sites, [{ name: 'a', state: 'joined', joinedAt, lastSeenAt: null, version: '0.2.0' }])
  await closed(federation)
})

test('a token that was used is refused to any other key, and welcomes the same site again', async () => {
  const federation = await testFederation([])
  const { join, publicKey } = await invited(federation, 'a')
  const first = await join()
  assert.deepEqual(await join(), first)
  const other = newKeys().publicKey
  await assert.rejects(join({ publicKey: other }), coded('WR_TOKEN_USED', { site: 'a' }))
  assert.equal(await keyOf(federation, 'a'), publicKey)
  // The second welcome is no second joining.
  assert.equal((await federation.events()).length, 1)
  await federation.account('removeSite', { params: { site: 'a' } })
  await assert.rejects(join(), coded('WR_TOKEN_USED', { site: 'a' }))
  await closed(federation)
})

test('of two who race with one token, one joins', async () => {
  const federation = await testFederation([])
  const { join } = await invited(federation, 'a')
  const keys = await Promise.all([1, 2, 3, 4].map(async () => newKeys().publicKey))
  const settled = await Promise.allSettled(keys.map((publicKey) => join({ publicKey })))
  const won = settled.findIndex(({ status }) => status === 'fulfilled')
  assert.equal(await keyOf(federation, 'a'), keys[won])
  for (const [index, result] of settled.entries())
    if (index !== won) assert.ok(result.status === 'rejected' && coded('WR_TOKEN_USED')(result.reason))
  await closed(federation)
})

test('a token lives until its time, and not a millisecond longer', async () => {
  const federation = await testFederation([])
  const [early, late] = [await invited(federation, 'a', 1000), await invited(federation, 'b', 1000)]
  await federation.pass(1000)
  await early.join()
  await federation.pass(1)
  await assert.rejects(late.join(), coded('WR_TOKEN_EXPIRED', { site: 'b' }))
  assert.equal(await keyOf(federation, 'b'), undefined)
  await closed(federation)
})

test('a secret that nobody gave, or another name than its own, opens nothing and uses nothing up', async () => {
  const federation = await testFederation([])
  const { join, secret } = await invited(federation, 'a')
  await assert.rejects(join({ secret: 'x'.repeat(43) }), coded('WR_TOKEN_INVALID'))
  await assert.rejects(join({ secret: sha256Of(secret).slice(0, 43) }), coded('WR_TOKEN_INVALID'))
  await assert.rejects(join({ site: 'b' }), coded('WR_TOKEN_INVALID'))
  await assert.rejects(join({ version: '0.3.0' }), coded('WR_VERSION', { theirs: '0.3.0', ours: '0.1.0' }))
  assert.equal((await join()).site, 'a')
  await closed(federation)
})

test('a name is taken once: no token for it, and an older token does not push its site aside', async () => {
  const federation = await testFederation([])
  const [lost, used] = [await invited(federation, 'a'), await invited(federation, 'a')]
  await used.join()
  await assert.rejects(invited(federation, 'a'), coded('WR_SITE_EXISTS', { site: 'a' }))
  await assert.rejects(lost.join(), coded('WR_SITE_EXISTS', { site: 'a' }))
  assert.equal(await keyOf(federation, 'a'), used.publicKey)
  await closed(federation)
})

test('a site that was removed comes back with a new token and a new key; the old key is worth nothing', async () => {
  const federation = await testFederation(['a'])
  const before = federation.site('a')
  await federation.account('removeSite', { params: { site: 'a' } })
  await assert.rejects(before.call('offers'), coded('WR_SITE_LEFT', { site: 'a' }))
  const { join, publicKey } = await invited(federation, 'a')
  await join()
  assert.equal(await keyOf(federation, 'a'), publicKey)
  await assert.rejects(before.call('offers'), coded('WR_PROOF_INVALID'))
  const unknown = federation.account('removeSite', { params: { site: 'nobody' } })
  await assert.rejects(unknown, coded('WR_NOT_FOUND', { what: 'site', name: 'nobody' }))
  await closed(federation)
})

test('leaving closes what was open, tells everybody, and is written down with who did it', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { quorum: 1 } })
  await running.site('b').call('leave')
  const [task] = (await running.world.store.studyTasks(running.id)).filter(({ site }) => site === 'b')
  assert.deepEqual([task?.state, JSON.parse(task?.result ?? '{}').code], ['failed', 'WR_SITE_LEFT'])
  assert.deepEqual((await running.events()).at(-1)?.kind, 'site.left')
  assert.deepEqual((await running.account('audit')).entries.at(-1)?.body, { site: 'b', by: 'b' })
  await running.account('removeSite', { params: { site: 'a' } })
  assert.deepEqual((await running.account('audit')).entries.at(-1)?.body, { site: 'a', by: 'tester' })
  await running.coordinator.idle()
  assert.equal((await running.detail()).state, 'blocked')
  await closed(running)
})

test('who is there, and when each was last heard of', async () => {
  const federation = await testFederation(['b', 'a'])
  await federation.pass(5000)
  await federation.site('a').call('offers')
  const { sites } = await federation.account('sites')
  assert.deepEqual(
    sites.map(({ name, lastSeenAt }) => ({ name, lastSeenAt })),
    [
      { name: 'a', lastSeenAt: '2026-01-01T00:00:05.000Z' },
      { name: 'b', lastSeenAt: null },
    ],
  )
  const health = await send(federation.way, requestOf('health', {}))
  const nowMs = federation.world.clock.now()
  assert.deepEqual(JSON.parse(String(health.body)), { status: 'ok', version: '0.1.0', nowMs })
  await closed(federation)
})
