/**
 * Coordinator and sites are killed (kill -9, real processes) at every step of a study, and at random: it ends with the very weights of the
 * undisturbed one, each update counted once. Starting again is the only repair.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '@wardround/core/random.ts'
import { pollSeconds } from '@wardround/site/client.ts'
import { startTestPostgres, type TestPostgres } from '../../packages/coordinator/src/testing/postgres.ts'
import { parsedLong, scratch } from '../support.ts'
import {
  essence,
  holdsTogether,
  type KillFederation,
  killEverybody,
  killFederation,
  type Name,
  siteNames,
} from './federation.ts'

/** What becomes durable at the coordinator, in the order in which it does: first once, then in each round, then once. */
const steps = {
  first: ['task.assigned prepare', 'task.reported prepare', 'study.prepared'],
  everyRound: [
    'round.started',
    'update',
    'task.reported train',
    'round aggregating',
    'weights',
    'task.assigned evaluate',
    'task.reported evaluate',
    'round.ended',
  ],
  last: ['study.finishing', 'task.assigned finish', 'task.reported finish', 'study.ended'],
}
const bothSides = (names: readonly string[]): string[] => names.flatMap((name) => [`before ${name}`, `after ${name}`])
const all = [...bothSides(steps.first), ...bothSides(steps.everyRound), ...bothSides(steps.last)]
/** Where small blobs are rows, they become durable with what names them. */
const coordinatorPoints: Readonly<Record<string, readonly string[]>> = {
  SQLite: all,
  PostgreSQL: all.filter((point) => !/ (update|weights)$/.test(point)),
}

const sitePoints = [
  ...['after surveying', 'after prepare', ...bothSides(['report prepare'])],
  ...['after training', ...bothSides(['fitting']), 'after train', ...bothSides(['update'])],
  ...[...bothSides(['weights', 'predicting']), 'after evaluate', ...bothSides(['report evaluate'])],
  ...['after finish', ...bothSides(['report finish'])],
]

const rounds = 30
/** A result for which there is no next task yet is answered after so long. */
const pollMs = pollSeconds * 1000

let postgres: TestPostgres
before(async () => {
  postgres = await startTestPostgres()
})
after(async () => {
  killEverybody()
  await postgres.stop()
})
const stores: Readonly<Record<string, () => Promise<string>>> = {
  SQLite: async () => 'sqlite',
  PostgreSQL: () => postgres.fresh(),
}

/** The study undisturbed: what every disturbed one must come to. */
const undisturbed = new Map<number, Promise<unknown>>()
const wantedAfter = (count: number): Promise<unknown> => {
  const known =
    undisturbed.get(count) ?? ended(scratch('kill-none'), 'sqlite', { count, disturb: async () => undefined })
  undisturbed.set(count, known)
  return known
}

type Disturbance = { readonly count: number; disturb(federation: KillFederation): Promise<void> }

/** A study from its start to its end, and what it came to; whatever happened to it, it must hold together. */
async function ended(folder: string, store: string, { count, disturb }: Disturbance): Promise<unknown> {
  const { plan } = parsedLong(count)
  const federation = await killFederation(folder, { store, plan })
  for (const name of siteNames) await federation.start(name)
  const disturbed = disturb(federation)
  await federation.begin()
  await disturbed
  while (!(await federation.ended())) await sleep(50)
  const results = await federation.results()
  await federation.close()
  const opened = await federation.openStore()
  await holdsTogether(opened, folder, { id: federation.study, rounds: count })
  await opened.close()
  return essence(results)
}

/** Has one killed at each point, one after another, and starts it again each time. */
const killedAt = (name: Name, points: readonly string[]) => async (federation: KillFederation) => {
  for (const point of points) {
    federation.life(name).kill('SIGKILL')
    await federation.life(name).end
    await federation.start(name, point)
    const end = await Promise.race([federation.life(name).end, sleep(2 * pollMs, 'nothing')])
    assert.equal(end, 'SIGKILL', `${name} never came to ${point}: ${federation.life(name).output().slice(-1000)}`)
  }
  await federation.start(name)
}

for (const [title, store] of Object.entries(stores)) {
  const points = coordinatorPoints[title] ?? []
  test(`${title}: a coordinator killed at each of ${points.length} points`, {
    timeout: 600_000,
  }, async () => {
    const disturb = killedAt('coordinator', points)
    const found = await ended(scratch('kill-coordinator'), await store(), { count: rounds, disturb })
    assert.deepEqual(found, await wantedAfter(rounds))
  })

  test(`${title}: a site killed at each of ${sitePoints.length} points`, { timeout: 600_000 }, async () => {
    const disturb = killedAt('north', sitePoints)
    const found = await ended(scratch('kill-site'), await store(), { count: rounds, disturb })
    assert.deepEqual(found, await wantedAfter(rounds))
  })
}

test('anybody killed at any moment, fifty times in one study', { timeout: 600_000 }, async () => {
  const random = seededRandom(['kill'])
  const names: readonly Name[] = ['coordinator', ...siteNames]
  const count = 60
  const disturb = async (federation: KillFederation): Promise<void> => {
    for (let kills = 0; kills < 50; kills++) {
      await sleep(random.below(200))
      assert.ok(!(await federation.ended()), `it ended after ${kills} kills`)
      const name = names[random.below(names.length)] ?? 'coordinator'
      federation.life(name).kill('SIGKILL')
      assert.equal(await federation.life(name).end, 'SIGKILL')
      await federation.start(name)
    }
  }
  const found = await ended(scratch('kill-random'), 'sqlite', { count, disturb })
  assert.deepEqual(found, await wantedAfter(count))
})
