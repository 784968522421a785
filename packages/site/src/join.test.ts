import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { sign, verify } from '@wardround/core/protocol/signing.ts'
import { decodeToken, encodeToken } from '@wardround/core/protocol/token.ts'
import { decide, offeredStudies } from './approvals.ts'
import { isJoined, membershipOf, siteKeys } from './identity.ts'
import { joinNetwork } from './join.ts'
import { readJournal } from './journal.ts'
import { realDisk } from './real-disk.ts'
import { fakeCoordinator } from './testing/fake-coordinator.ts'
import { hospital, testClock, testEntropy } from './testing/hospital.ts'
import { ed25519 } from './testing/keys.ts'

const disk = realDisk()
const world = { disk, ed25519, entropy: testEntropy() }

const coded = (code: string) => (error: unknown) => {
  assert.ok(error instanceof WardroundError, String(error))
  assert.equal(error.code, code)
  return true
}

async function newcomer(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-join-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const clock = testClock()
  const coordinator = await fakeCoordinator({ clock })
  const joining = (token: string) =>
    joinNetwork({ folder, token, ...world, clock, version: '0.1.0', network: coordinator.network })
  const kinds = () => readJournal(disk, join(folder, 'journal.ndjson')).entries.map(({ kind }) => kind)
  return { folder, coordinator, joining, kinds }
}

test('joining: the key is born here and stays here; only its public half leaves', async (t) => {
  const { folder, coordinator, joining, kinds } = await newcomer(t)
  assert.equal(isJoined(disk, folder), false)
  assert.throws(() => membershipOf(disk, folder), coded('WR_NOT_JOINED'))
  const { site, coordinatorKey } = await joining(coordinator.token('budapest'))
  assert.deepEqual([site, coordinatorKey, isJoined(disk, folder)], ['budapest', coordinator.publicKey, true])
  assert.deepEqual(membershipOf(disk, folder).site, 'budapest')
  assert.equal(siteKeys(folder, world).publicKey, coordinator.state.sites.get('budapest'))
  assert.equal(statSync(join(folder, 'identity.json')).mode & 0o777, 0o600)
  assert.deepEqual(kinds(), ['released', 'joined'])
  assert.doesNotMatch(readFileSync(join(folder, 'journal.ndjson'), 'utf8'), /pkcs8|AAAAAAAA/)
})

test('the coordinator hears of no key that a power cut could take away, not even of one from a try that failed', async (t) => {
  const { folder, coordinator } = await newcomer(t)
  const token = coordinator.token('budapest')
  let [fails, synced] = [true, 0]
  const own = {
    ...disk,
    syncFolder(path: string) {
      if (fails && path === folder) throw Object.assign(new Error('no'), { code: 'EIO' })
      disk.syncFolder(path)
      if (path === folder) synced += 1
    },
  }
  const { network } = coordinator
  const seen: number[] = []
  const watched = {
    send: (request: Parameters<typeof network.send>[0]) => {
      seen.push(synced)
      return network.send(request)
    },
  }
  const joining = () =>
    joinNetwork({ folder, token, ...world, disk: own, clock: testClock(), version: '0.1.0', network: watched })
  await assert.rejects(joining(), coded('WR_DISK'))
  assert.ok(existsSync(join(folder, 'identity.json')))
  // Written down by the journal's first entry alone, were it not for the key.
  fails = false
  await joining()
  assert.deepEqual(seen, [2])
})

test('a token works once, and only whole', async (t) => {
  const { folder, coordinator, joining, kinds } = await newcomer(t)
  const token = coordinator.token('budapest')
  coordinator.state.sites.set('budapest', 'somebody else')
  await assert.rejects(joining(token), coded('WR_TOKEN_USED'))
  for (const bad of ['', 'wrj1_', token.slice(0, -4), token.replace('wrj1_', 'wra1_')])
    await assert.rejects(joining(bad), coded('WR_TOKEN_INVALID'))
  assert.equal(isJoined(disk, folder), false)
  assert.ok(!kinds().includes('joined'), 'what did not happen is not in the journal')
})

test('a coordinator with another key than the token names is not joined', async (t) => {
  const { folder, coordinator, joining, kinds } = await newcomer(t)
  const stranger = await fakeCoordinator({ clock: testClock() })
  const { publicKey } = stranger
  const token = decodeToken('join', coordinator.token('budapest'))
  await assert.rejects(
    joining(encodeToken('join', { ...token, coordinatorKey: publicKey })),
    coded('WR_SIGNATURE_INVALID'),
  )
  assert.equal(existsSync(join(folder, 'coordinator.json')), false)
  assert.ok(!kinds().includes('joined'))
})

test('an offer is read by its signature and its own hash, and the decision is signed with the key of this site', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  const site = await at.open()
  const [offer] = await offeredStudies(site)
  assert.deepEqual([offer?.id, offer?.planHash, offer?.decision], [at.study, at.planHash, null])
  assert.ok(offer)
  await decide(offer, 'refused', { ...site, site: 'budapest', reason: 'not this year' })
  const grant = at.coordinator.state.grants.at(-1)
  assert.deepEqual([grant?.decision, grant?.reason, grant?.planHash], ['refused', 'not this year', at.planHash])
  const kept = JSON.parse(readFileSync(join(at.folder, 'studies', at.study, 'grant.json'), 'utf8'))
  assert.ok(verify(ed25519, siteKeys(at.folder, world).publicKey, { context: 'wardround-grant-v1', ...kept }))
  const [again] = await offeredStudies(site)
  assert.equal(again?.decision, 'refused')
})

test('an offer that was changed, or whose plan has another hash, is not shown for approval', async (t) => {
  const at = await hospital()
  t.after(at.remove)
  const site = await at.open()
  const { offers } = at.coordinator.state
  const [honest] = offers
  assert.ok(honest)
  offers[0] = { ...honest, document: honest.document.replace('"epochs":1', '"epochs":9') }
  await assert.rejects(offeredStudies(site), coded('WR_SIGNATURE_INVALID'))
  offers.length = 0
  const { plan } = JSON.parse(honest.document)
  await at.coordinator.offer({ study: at.study, planHash: 'f'.repeat(64), plan })
  await assert.rejects(offeredStudies(site), coded('WR_PLAN_ALTERED'))
  for (const document of ['not JSON', '{}', '{"study":"\\ud800"}']) {
    const signature = sign(at.coordinator.state.keys, 'wardround-offer-v1', document)
    offers.splice(0, 1, { document, signature })
    await assert.rejects(offeredStudies(site), coded('WR_BODY_INVALID'), document)
  }
})
