/**
 * Lines between sites and coordinator break in every way that lines break: a study finishes with the very weights of the undisturbed one, each
 * update counted once, chains unbroken.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '@wardround/coordinator/store/store.ts'
import type { Clock } from '@wardround/core/ports.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { runSite } from '@wardround/site/agent.ts'
import { type ClosableNetwork, httpsNetwork } from '@wardround/site/http.ts'
import { membershipOf } from '@wardround/site/identity.ts'
import { drawnFault, type FaultKind, faultyLine } from './faulty-line.ts'
import { openFederation, type TestSite } from './federation.ts'
import { essence, holdsTogether, killFederation, siteNames } from './kill/federation.ts'
import { type FaultyRequests, faultyRequests, type Mishap } from './late-requests.ts'
import { clock, disk, parsedWide, scratch, smallTable } from './support.ts'

const rounds = 3
const seed = process.env.WARDROUND_FAULT_SEED ?? '1'

/** Nobody waits long for the next try here; a line that says nothing for half a second is dead. */
const hurried: Clock = { ...clock, sleep: (delayMs, signal) => clock.sleep(Math.min(delayMs, 50), signal) }
const timeoutMs = 500

/** Lays a way for one site, and says in the end whether it was as bad as it was meant to be. */
type Lay = (site: TestSite, url: string) => Promise<{ readonly network: ClosableNetwork; met(): number }>

async function ended(name: string, lay: Lay): Promise<unknown> {
  const folder = scratch(name)
  const federation = await openFederation(folder, Object.fromEntries(siteNames.map((site) => [site, smallTable(site)])))
  const id = await federation.publish(parsedWide(rounds))
  const ways = await Promise.all(federation.sites.map((site) => lay(site, federation.url)))
  const stop = new AbortController()
  const running = federation.sites.map(({ options }, index) => {
    const network = ways[index]?.network
    assert.ok(network !== undefined)
    return runSite({ ...options, clock: hurried, network, signal: stop.signal })
  })
  try {
    const results = await Promise.race([
      federation.finish(id),
      Promise.all(running).then(() => assert.fail('a site ended')),
    ])
    for (const { met } of ways) assert.ok(met() > 0, 'nothing went wrong')
    return essence(results)
  } finally {
    stop.abort()
    await Promise.allSettled(running)
    for (const { network } of ways) await network.close()
    await federation.close()
    const store = await openStore({ kind: 'sqlite', path: join(folder, 'coordinator', 'coordinator.sqlite') }, () => '')
    await holdsTogether(store, folder, { id, rounds })
    await store.close()
  }
}

const plainWay: Lay = async ({ folder }, url) => ({
  network: httpsNetwork(url, membershipOf(disk, folder).trust),
  met: () => 1,
})

const badLine =
  (kinds: readonly FaultKind[]): Lay =>
  async ({ name, folder }, url) => {
    const random = seededRandom(['faults', seed, name, ...kinds])
    // An update is 55 KB here, and the weights as much: within so many bytes a connection ends in a handshake, a head or a body.
    const line = await faultyLine(url, () => drawnFault(random, kinds, 100_000))
    const network = httpsNetwork(line.url, membershipOf(disk, folder).trust, timeoutMs)
    const met = (): number =>
      Object.entries(line.met).reduce((sum, [kind, count]) => sum + (kind === 'none' ? 0 : count), 0)
    const close = async (): Promise<void> => {
      await network.close()
      await line.close()
    }
    return { network: { ...network, close }, met }
  }

const badRequests =
  (mishaps: readonly Mishap[]): Lay =>
  async ({ name, folder }, url) => {
    const network = httpsNetwork(url, membershipOf(disk, folder).trust)
    const faulty: FaultyRequests = faultyRequests(network, seededRandom(['requests', seed, name, ...mishaps]), mishaps)
    const close = async (): Promise<void> => {
      await faulty.close()
      await network.close()
    }
    return {
      network: { send: faulty.send, close },
      met: () => mishaps.filter((one) => one !== 'none').reduce((sum, one) => sum + (faulty.met[one] ?? 0), 0),
    }
  }

let wanted: unknown
before(async () => {
  wanted = await ended('faults-none', plainWay)
})

const lines: Readonly<Record<string, readonly FaultKind[]>> = {
  'connections cut anywhere': ['cut'],
  'connections that fall silent anywhere': ['stall', 'cut', 'cut', 'cut'],
  'connections that nobody takes, or that are taken and never answered': [
    'refuse',
    'refuse',
    'half-open',
    'cut',
    'cut',
    'cut',
  ],
  'connections that are slow': ['delay'],
  'connections with a few bytes now and then': ['drip'],
}
for (const [title, kinds] of Object.entries(lines))
  test(`${title}: the same weights`, { timeout: 120_000 }, async () => {
    assert.deepEqual(await ended('faults-line', badLine(kinds)), wanted)
  })

const requests: Readonly<Record<string, readonly Mishap[]>> = {
  'every request twice at once': ['doubled'],
  'requests that come late, after their retry': ['late', 'none'],
  'answers that are lost': ['answer lost', 'none'],
  'all of that': ['doubled', 'late', 'answer lost', 'none'],
}
for (const [title, mishaps] of Object.entries(requests))
  test(`${title}: the same weights`, { timeout: 120_000 }, async () => {
    assert.deepEqual(await ended('faults-requests', badRequests(mishaps)), wanted)
  })

test('everything at once, between processes: the same weights', { timeout: 600_000 }, async () => {
  const folder = scratch('faults-processes')
  const federation = await killFederation(folder, { store: 'sqlite', plan: parsedWide(rounds).plan, silenceMs: 2000 })
  const kinds: readonly FaultKind[] = ['none', 'refuse', 'half-open', 'cut', 'cut', 'cut', 'stall', 'delay', 'drip']
  const laid = await Promise.all(
    siteNames.map(async (name) => {
      const random = seededRandom(['faults', seed, name, 'processes'])
      const membership = membershipOf(disk, join(folder, name))
      const line = await faultyLine(membership.url, () => drawnFault(random, kinds, 100_000))
      writeFileSync(join(folder, name, 'coordinator.json'), JSON.stringify({ ...membership, url: line.url }))
      await federation.start(name)
      return line
    }),
  )
  await federation.begin()
  while (!(await federation.ended())) await sleep(100)
  assert.deepEqual(essence(await federation.results()), wanted)
  await federation.close()
  for (const line of laid) await line.close()
  const store = await federation.openStore()
  await holdsTogether(store, folder, { id: federation.study, rounds })
  await store.close()
})
