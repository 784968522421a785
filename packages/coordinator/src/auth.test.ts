import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Prover, proofWindowMs, prove } from '@wardround/core/protocol/proof.ts'
import fc from 'fast-check'
import { accountOf, checkVersion, newSecret, proofChecker, requireBody } from './auth.ts'
import { sha256Of } from './digest.ts'
import { testEntropy } from './testing/entropy.ts'
import { coded } from './testing/errors.ts'
import { testWorld } from './testing/federation.ts'
import { newKeys } from './testing/keys.ts'
import { siteRow } from './testing/rows.ts'

const subject = { method: 'POST', path: '/v1/site/decisions?x=1', bodySha256: sha256Of('{}') }
let nonces = 0
const freshNonce = (): string => `nonce-${String(nonces++).padStart(12, '0')}`

/** Two joined hospitals, and a checker that started just now. */
async function gate() {
  const world = await testWorld()
  const { clock, store, keys } = world
  const provers: Record<'a' | 'b', Prover> = {
    a: { site: 'a', keys: newKeys() },
    b: { site: 'b', keys: newKeys() },
  }
  for (const { site, keys } of Object.values(provers))
    await store.putSite(siteRow(site, { public_key: keys.publicKey }))
  /** As the registrar does it: the head first, then the body. */
  const restart = () => {
    const check = proofChecker(world)
    return async (header: string | undefined, { bodySha256, ...head }: typeof subject): Promise<string> => {
      const proven = await check(header, head)
      requireBody(proven, bodySha256)
      return proven.site
    }
  }
  const sign = (
    prover: Prover,
    change: Partial<typeof subject & { audience: string }> = {},
    { skewMs = 0, nonce = freshNonce() } = {},
  ): string => prove(prover, { ...subject, audience: keys.publicKey, ...change }, { time: clock.now() + skewMs, nonce })
  return { ...world, provers, restart, check: restart(), sign }
}

test('a good proof says who asks', async () => {
  const { check, sign, provers } = await gate()
  assert.equal(await check(sign(provers.a), subject), 'a')
  assert.equal(await check(sign(provers.b), subject), 'b')
})

test('a proof holds for its method, path, query, body and coordinator, and for its own site, and for nothing else', async () => {
  const { check, sign, provers } = await gate()
  const otherKey = { ...provers.a, keys: provers.b.keys }
  const invalid = coded('WR_PROOF_INVALID')
  for (const change of [
    { method: 'PUT' },
    { path: '/v1/site/decisions?x=2' },
    { path: '/v1/site/decisions' },
    { bodySha256: sha256Of('{ }') },
    { audience: provers.b.keys.publicKey },
  ])
    await assert.rejects(check(sign(provers.a, change), subject), invalid, JSON.stringify(change))
  await assert.rejects(check(sign(otherKey), subject), invalid)
  const claimed = sign(provers.a).replace('site="a"', 'site="b"')
  await assert.rejects(check(claimed, subject), invalid)
})

test('what is no proof is refused as such', async () => {
  const { check, sign, provers } = await gate()
  const good = sign(provers.a)
  for (const header of [
    undefined,
    '',
    'Bearer secret',
    'Wardround',
    good.replace('Wardround', 'wardround'),
    good.replace(/nonce="[^"]*"/, 'nonce="short"'),
    good.replace(/, nonce="[^"]*"/, ''),
    good.replace(/time="(\d+)"/, 'time="$1.5"'),
    good.replace(/signature="[^"]*"/, 'signature="AAAA"'),
    good.replace(/signature="[^"]*"/, 'signature="not base64url!"'),
    `${good}, role="admin"`,
    `${good}${' '.repeat(1000)}`,
  ])
    await assert.rejects(check(header, subject), coded('WR_PROOF_INVALID'), header)
  assert.equal(await check(good, subject), 'a')
})

test('a request counts once: sent again, sent twice at once, or with its nonce in another', async () => {
  const { check, sign, provers } = await gate()
  const replayed = coded('WR_PROOF_REPLAYED')
  const proof = sign(provers.a)
  await check(proof, subject)
  await assert.rejects(check(proof, subject), replayed)
  const twice = sign(provers.a)
  const both = await Promise.allSettled([check(twice, subject), check(twice, subject)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const nonce = freshNonce()
  await check(sign(provers.a, {}, { nonce }), subject)
  await assert.rejects(check(sign(provers.a, {}, { nonce, skewMs: 1 }), subject), replayed)
  // Nonces are each site's own: one cannot use up another's.
  assert.equal(await check(sign(provers.b, {}, { nonce }), subject), 'b')
})

test('a clock may be off by a minute either way; beyond, the refusal says by how much', async () => {
  const { check, sign, provers, clock } = await gate()
  await clock.pass(10 * proofWindowMs)
  for (const skewMs of [proofWindowMs, -proofWindowMs])
    assert.equal(await check(sign(provers.a, {}, { skewMs }), subject), 'a')
  for (const skewMs of [proofWindowMs + 1, -proofWindowMs - 1, 3_600_000, -86_400_000])
    await assert.rejects(check(sign(provers.a, {}, { skewMs }), subject), coded('WR_PROOF_CLOCK', { skewMs }))
})

test('no proof is taken twice, in whatever order proofs, replays and time come', async () => {
  const step = fc.oneof(
    fc.record({ send: fc.integer({ min: -proofWindowMs, max: proofWindowMs }) }),
    fc.record({ replay: fc.nat(20) }),
    fc.record({ pass: fc.integer({ min: 0, max: proofWindowMs }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const { check, sign, provers, clock } = await gate()
      await clock.pass(10 * proofWindowMs)
      const sent: string[] = []
      for (const one of steps) {
        if ('pass' in one) await clock.pass(one.pass)
        else if ('send' in one) {
          const proof = sign(provers.a, {}, { skewMs: one.send })
          assert.equal(await check(proof, subject), 'a')
          sent.push(proof)
        } else {
          const proof = sent[one.replay]
          if (proof !== undefined) await assert.rejects(check(proof, subject), /WR_PROOF_(REPLAYED|CLOCK)/)
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('a proof from well before the start is not taken: whether it was used then, nobody knows any more', async () => {
  const { check, sign, provers, clock, restart } = await gate()
  const proof = sign(provers.a)
  await check(proof, subject)
  const unused = sign(provers.a)
  await clock.pass(30_000)
  const restarted = restart()
  await assert.rejects(restarted(proof, subject), coded('WR_PROOF_REPLAYED'))
  await assert.rejects(restarted(unused, subject), coded('WR_PROOF_REPLAYED'))
  assert.equal(await restarted(sign(provers.a), subject), 'a')
})

test('a site that nobody knows, and one that has left, are told so; who only claims to be it is not', async () => {
  const { check, sign, provers, store } = await gate()
  const stranger = { site: 'stranger', keys: provers.a.keys }
  await assert.rejects(check(sign(stranger), subject), coded('WR_SITE_UNKNOWN', { site: 'stranger' }))
  await store.updateSite('a', { state: 'left' })
  await assert.rejects(check(sign(provers.a), subject), coded('WR_SITE_LEFT', { site: 'a' }))
  const claimed = { site: 'a', keys: provers.b.keys }
  await assert.rejects(check(sign(claimed), subject), coded('WR_PROOF_INVALID'))
})

test('an account is known by its secret, which the store does not know', async () => {
  const { store } = await testWorld()
  const entropy = testEntropy('secrets')
  const [admin, researcher] = [newSecret(entropy), newSecret(entropy)]
  assert.notEqual(admin, researcher)
  // 32 bytes in base64url
  assert.match(admin, /^[A-Za-z0-9_-]{43}$/)
  await store.addAccount({ name: 'admin', secret_sha256: sha256Of(admin) })
  await store.addAccount({ name: 'researcher', secret_sha256: sha256Of(researcher) })
  assert.equal(await accountOf(store, `Bearer ${admin}`), 'admin')
  assert.equal(await accountOf(store, `Bearer ${researcher} `), 'researcher')
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    admin,
    `Basic ${admin}`,
    `Bearer ${admin}x`,
    `Bearer ${admin.slice(1)}`,
    // The digest is no secret.
    `Bearer ${sha256Of(admin)}`,
  ])
    await assert.rejects(accountOf(store, header), coded('WR_CREDENTIALS'), header)
})

test('a store without accounts lets nobody in', async () => {
  const { store } = await testWorld()
  await assert.rejects(accountOf(store, 'Bearer '), coded('WR_CREDENTIALS'))
})

test('versions go together within one minor version either way', () => {
  const version = fc.record({ major: fc.nat(3), minor: fc.nat(6), patch: fc.nat(99) })
  const text = ({ major, minor, patch }: { major: number; minor: number; patch: number }): string =>
    `${major}.${minor}.${patch}`
  fc.assert(
    fc.property(version, version, (theirs, ours) => {
      const fits = theirs.major === ours.major && Math.abs(theirs.minor - ours.minor) <= 1
      const check = (): void => checkVersion(text(theirs), text(ours))
      if (fits) check()
      else assert.throws(check, coded('WR_VERSION', { theirs: text(theirs), ours: text(ours) }))
    }),
  )
  // A browser says none.
  checkVersion(undefined, '0.1.0')
  for (const theirs of ['', 'one', '0', '0.', '0.x.1', 'v0.1.0', '-0.1', '0.1e9'])
    assert.throws(() => checkVersion(theirs, '0.1.0'), coded('WR_VERSION'), theirs)
})
