/** Somebody sets the coordinator's clock by a day, or the coordinator was away for days: no deadline passes by it, and nothing counts twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verify } from '@wardround/core/protocol/signing.ts'
import { taskSchema } from '@wardround/core/protocol/task.ts'
import type { Context } from './context.ts'
import { advanceStudy } from './study-run.ts'
import { dueAt } from './tasks.ts'
import { asleep, later } from './testing/clock.ts'
import { contextOf, except, honest, type Running, startCoordinator, startedStudy } from './testing/federation.ts'
import { ed25519 } from './testing/keys.ts'
import { asSite, caller, type Request, requestOf, send } from './testing/requests.ts'

const day = 86_400_000
const minute = 60_000
const rounds = { maximum: 1, quorum: 1, deadline: '10m' }

/** A study in which b has trained, and a is still at it. */
async function waitingForA(): Promise<Running> {
  const running = await startedStudy(['a', 'b'], { rounds })
  await running.work(
    except(honest(running.parsed), (task, site) => (task.kind === 'train' && site === 'a' ? 'silent' : undefined)),
  )
  return running
}

const phase = async (running: Running): Promise<string | undefined> => (await running.rounds())[0]?.phase

for (const [title, byMs] of [
  ['forward', day],
  ['back', -day],
] as const)
  test(`set a day ${title}: a deadline is so many minutes, whatever the clock says`, async () => {
    const running = await waitingForA()
    running.world.clock.set(byMs)
    await running.pass(9 * minute)
    // Looked at, as whenever anything happens.
    await advanceStudy(contextOf(running), running.id)
    assert.equal(await phase(running), 'collecting')
    await running.pass(2 * minute)
    assert.equal(await phase(running), 'evaluating')
    const tasks = await running.world.store.tasksOf(running.id, 'train', 1)
    assert.deepEqual(
      tasks.map(({ site, state }) => `${site} ${state}`),
      ['a late', 'b reported'],
    )
    await running.close()
  })

test('set a day back while a site waits for work: it is answered in time', async () => {
  const running = await waitingForA()
  const before = running.world.clock.alarms().length
  const answer = running.site('b').call('nextTask', { query: { wait: 20 } })
  await asleep(running.world.clock, before + 1)
  running.world.clock.set(-day)
  await running.pass(20_000)
  assert.deepEqual(await answer, { task: null })
  await running.close()
})

test('set forward and back again: a recorded request is not taken a second time', async () => {
  const { world, way, sites, close } = await startedStudy(['a'], { rounds })
  const request = requestOf('offers', {})
  const recorded: Request = { ...request, headers: await asSite(sites[0]?.signer ?? assert.fail())(request) }
  assert.equal((await send(way, recorded)).status, 200)
  world.clock.set(day)
  await sites[0]?.call('offers')
  world.clock.set(-day)
  const again = await send(way, recorded)
  assert.match(again.body.toString(), /WR_PROOF_REPLAYED/)
  await close()
})

test('of a long deadline a start leaves what was left of it, an hour at least, and never more than the whole', () => {
  const context = { clock: { steadyNow: () => 100 * day }, startedAt: 100 * day }
  const left = (deadlineAt: number): number =>
    dueAt(context as Pick<Context, 'clock' | 'startedAt'>, deadlineAt, 2 * day) - 100 * day
  assert.equal(left(100 * day + 7 * minute), 60 * minute)
  assert.equal(left(90 * day), 60 * minute)
  assert.equal(left(101 * day), day)
  // Set by a process whose clock was ahead.
  assert.equal(left(300 * day), 2 * day)
})

test('away for a day: who was asked has the whole deadline anew, by a task that has not expired', async () => {
  const running = await waitingForA()
  const clock = later(running.world.clock, day)
  const again = await startCoordinator({ ...running.world, clock })
  await again.idle()
  assert.equal(await phase(running), 'collecting')
  const call = caller({ app: () => again.app }, asSite({ ...running.site('a').signer, clock }))
  const { task } = await call('nextTask')
  assert.ok(task !== null)
  const { kind, issuedAt, expiresAt } = taskSchema.parse(JSON.parse(task.document))
  assert.deepEqual(
    { kind, issuedAt, lifeMs: expiresAt - issuedAt },
    { kind: 'train', issuedAt: clock.steadyNow(), lifeMs: 10 * minute },
  )
  const { publicKey } = running.world.keys
  assert.ok(verify(ed25519, publicKey, { context: 'wardround-task-v1', ...task }))
  await running.pass(9 * minute)
  await again.idle()
  assert.equal(await phase(running), 'collecting')
  await running.pass(2 * minute)
  await again.idle()
  assert.equal(await phase(running), 'evaluating')
  await again.close()
})
