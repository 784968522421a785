/** What a site hears that says what it is at work on: tasks of other studies, and which of its own it need not go on with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atWorkHeader, atWorkText } from '@wardround/core/protocol/at-work.ts'
import { type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { taskSchema } from '@wardround/core/protocol/task.ts'
import { asleep, turn } from './testing/clock.ts'
import { closed } from './testing/closed.ts'
import { honest, startedStudy, type TestFederation } from './testing/federation.ts'
import { asSite, type Given, requestOf, send } from './testing/requests.ts'
import { pieceOf } from './testing/site.ts'
import { parsedPlan, updateBytes } from './testing/study.ts'

/** Asks as a site that is at work. */
async function told<N extends RouteName>(
  federation: TestFederation,
  name: N,
  { atWork, ...given }: Given<N> & { atWork?: string },
) {
  const request = requestOf(name, given)
  const said = atWork === undefined ? {} : { [atWorkHeader]: atWork }
  const headers = { ...request.headers, ...said, ...(await asSite(federation.site('a').signer)(request)) }
  const { status, body } = await send(federation.way, { ...request, headers })
  assert.equal(status, 200, body.toString('utf8'))
  const { task, closed: over } = routes.nextTask.answer.parse({ task: null, ...answerOf(body) })
  return { task: task && taskSchema.parse(JSON.parse(task.document)).id, closed: over }
}

const answerOf = (body: Buffer): object => {
  const { receivedBytes: _, ...answer } = JSON.parse(body.toString('utf8'))
  return answer
}

/** Without `tasks` as one who says nothing. */
const nextTask = (federation: TestFederation, tasks?: readonly string[], { room = 1, wait = 0 } = {}) =>
  told(federation, 'nextTask', {
    query: { wait },
    ...(tasks === undefined ? {} : { atWork: atWorkText({ room, tasks }) }),
  })

/** Two studies with sites a and b that are to train, the first one's tasks the older ones; and a's two tasks. */
async function twoStudies(change: Parameters<typeof startedStudy>[1] = { rounds: { maximum: 2 } }) {
  const running = await startedStudy(['a', 'b'], change)
  const other = parsedPlan({ name: 'other', rounds: { maximum: 1 } })
  const untilTraining = () =>
    running.work((task, site) => (task.kind === 'train' ? 'silent' : honest(running.parsed)(task, site)))
  await untilTraining()
  await running.world.clock.pass(1)
  const id = await running.publish(other)
  await running.start(id)
  // Site a is given the older one again and again, as it says nothing of being at work.
  for (const name of ['a', 'b']) {
    const site = running.site(name)
    const open = (await running.world.store.openTasksOfSite(name)).find(({ study }) => study === id)
    assert.ok(open !== undefined)
    const task = taskSchema.parse(JSON.parse(open.document))
    await site.perform(task, honest(other)(task, name))
  }
  await running.coordinator.idle()
  const own = async (study: string): Promise<string> =>
    (await running.world.store.openTasksOfSite('a')).find((task) => task.study === study)?.id ?? assert.fail()
  return { running, other, first: await own(running.id), second: await own(id) }
}

test('whoever is at work gets the oldest task of another study, and nothing where it has no room', async () => {
  const { running, first, second } = await twoStudies()
  assert.deepEqual(await nextTask(running), { task: first, closed: undefined })
  assert.deepEqual(await nextTask(running, [second]), { task: first, closed: undefined })
  assert.deepEqual(await nextTask(running, [first]), { task: second, closed: undefined })
  assert.deepEqual(await nextTask(running, [first], { room: 0 }), { task: null, closed: undefined })
  assert.deepEqual(await nextTask(running, [first, second]), { task: null, closed: undefined })
  // What is no such text says nothing.
  assert.deepEqual(await told(running, 'nextTask', { atWork: `1 ${first} ` }), { task: first, closed: undefined })
  await closed(running)
})

test('whoever waits while it is at work hears at once of a round that has closed without it', async () => {
  const { running, first, second } = await twoStudies({ rounds: { maximum: 2, quorum: 1, deadline: '20s' } })
  const waiting = nextTask(running, [first, second], { room: 0, wait: 30 })
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  const [task] = (await running.world.store.openTasksOfSite('b')).filter(({ study }) => study === running.id)
  assert.ok(task !== undefined)
  await running.site('b').call('upload', pieceOf(task.id, update))
  // Two deadlines, and site a.
  await asleep(running.world.clock, 3)
  let answered = false
  void waiting.then(() => {
    answered = true
  })
  for (let turns = 0; turns < 20; turns++) await turn()
  assert.equal(answered, false)
  await running.pass(20_000)
  assert.equal((await running.world.store.task(first))?.state, 'late')
  assert.deepEqual(await waiting, { task: null, closed: [first] })
  await closed(running)
})

test('tasks that it is at work on and that were never open, or are done, are closed', async () => {
  const { running, first, second } = await twoStudies()
  assert.deepEqual(await nextTask(running, ['nothing']), { task: first, closed: ['nothing'] })
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  await running.site('a').call('upload', pieceOf(first, update))
  assert.deepEqual(await nextTask(running, [first, second, 'nothing']), { task: null, closed: [first, 'nothing'] })
  assert.deepEqual(await nextTask(running, [first], { room: 0 }), { task: null, closed: [first] })
  assert.deepEqual(await nextTask(running, [first]), { task: second, closed: [first] })
  await closed(running)
})

test('thanks for a result bring the task of another study than those that are at work, where there is room', async () => {
  const { running, first, second } = await twoStudies()
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  const upload = (tasks: readonly string[], room = 1) =>
    told(running, 'upload', { ...pieceOf(first, update), atWork: atWorkText({ room, tasks }) })
  assert.deepEqual(await upload([second]), { task: null, closed: undefined })
  assert.deepEqual(await upload(['nothing'], 0), { task: null, closed: undefined })
  // Nothing of others: that is asked for by nextTask alone.
  assert.deepEqual(await upload(['nothing']), { task: second, closed: undefined })
  await closed(running)
})

test('a site that leaves, or is removed, hears that none of its tasks is open', async () => {
  const { running, first, second } = await twoStudies()
  const waiting = nextTask(running, [first, second], { room: 0, wait: 30 })
  await asleep(running.world.clock, 3)
  await running.account('removeSite', { params: { site: 'a' } })
  assert.deepEqual(await waiting, { task: null, closed: [first, second] })
  await running.coordinator.idle()
  await closed(running)
})
