/** Rounds in which not everything goes well, on virtual time, with sites that act by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { RoundSite } from '@wardround/core/protocol/events.ts'
import type { Store } from './store/store.ts'
import { advanceStudy } from './study-run.ts'
import { later } from './testing/clock.ts'
import { closed } from './testing/closed.ts'
import { coded } from './testing/errors.ts'
import {
  contextOf,
  except,
  honest,
  lastingWorld,
  type Running,
  startCoordinator,
  startedStudy,
  testFederation,
  testWorld,
} from './testing/federation.ts'
import { type Behaviour, failed, pieceOf, refOf } from './testing/site.ts'
import { deadlineMs, firstWeights, parsedPlan, updateBytes } from './testing/study.ts'

const moved = (weights: Float32Array, change: number): Float32Array => weights.map((weight) => weight + change)
const parts = (sites: readonly RoundSite[] | undefined) =>
  sites?.map(({ site, state, code }) => (code === undefined ? `${site} ${state}` : `${site} ${state} ${code}`))
const silentAt =
  (usual: Behaviour, kind: string, name: string): Behaviour =>
  (task, site) =>
    task.kind === kind && site === name ? 'silent' : usual(task, site)

/** Each site's update is a power of two, so that sums tell who was in them. */
const delta = (_: number, site: string): number => ({ a: 1, b: 2, c: 4 })[site] ?? 0

const weightsAfter = async (running: Running, round: number): Promise<Float32Array> =>
  running.weightsOf((await running.rounds())[round - 1]?.weights_out ?? null)

test('quorum at the deadline: the round goes on without the late site, names it, and asks it again in the next', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 2, quorum: 2 } }, await lastingWorld())
  const usual = honest(running.parsed, { delta })
  const late = running.site('c')
  await running.work(silentAt(usual, 'train', 'c'))
  const task = await late.next()
  assert.ok(task?.kind === 'train')
  assert.deepEqual((await running.detail()).waitingFor, ['c'])
  // Half of its update has arrived when its time is over.
  const update = updateBytes(running.parsed, new Float32Array(7).fill(4))
  const half = update.length >> 1
  await late.call('upload', pieceOf(task.id, update, { end: half }))
  assert.deepEqual(running.world.clock.alarms(), [task.expiresAt])
  await running.pass(deadlineMs - 1)
  assert.equal((await running.rounds())[0]?.phase, 'collecting')
  await running.pass(1)
  assert.equal((await running.rounds())[0]?.phase, 'evaluating')
  // Too late, for the rest of the upload, for a report, and for what it sent before.
  const closedTask = coded('WR_TASK_CLOSED', { task: task.id })
  await assert.rejects(late.call('upload', pieceOf(task.id, update, { offset: half })), closedTask)
  await assert.rejects(late.perform(task, failed('WR_TIMEOUT')), closedTask)
  assert.equal(await running.world.blobs.staged.receivedBytes(task.id), 0)
  await running.work(usual)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause], ['completed partially', 'maximum rounds'])
  assert.deepEqual(
    [results.expected, results.contributed],
    [
      ['a', 'b', 'c'],
      ['a', 'b'],
    ],
  )
  assert.deepEqual(parts(results.rounds[0]?.sites), ['a contributed', 'b contributed', 'c late'])
  assert.deepEqual(parts(results.rounds[1]?.sites), ['a contributed', 'b contributed', 'c contributed'])
  // (1 + 2)/2, then (1 + 2 + 4)/3, each rounded to Float32 as it is added.
  const first = moved(firstWeights(running.parsed), 1.5)
  assert.deepEqual(await weightsAfter(running, 1), first)
  assert.deepEqual(await weightsAfter(running, 2), moved(first, 7 / 3))
  await closed(running)
})

test('one after another: a round goes to one hospital, from where the one before it ended, and all are compared at the end', async () => {
  const running = await startedStudy(
    ['a', 'b', 'c'],
    {
      rounds: { maximum: 4, quorum: 3 },
      strategy: { cyclic: { order: 'name' } },
    },
    await lastingWorld(),
  )
  await running.work(honest(running.parsed, { delta }))
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause], ['completed', 'maximum rounds'])
  assert.deepEqual(
    results.rounds.map(({ sites }) => parts(sites)),
    [['a contributed'], ['b contributed'], ['c contributed'], ['a contributed']],
  )
  assert.deepEqual(results.contributed, ['a', 'b', 'c'])
  assert.deepEqual(
    results.sites.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
  let weights: Float32Array = firstWeights(running.parsed)
  for (const [index, change] of [1, 2, 4, 1].entries()) {
    weights = moved(weights, change)
    assert.deepEqual(await weightsAfter(running, index + 1), weights)
  }
  await closed(running)
})

test('one after another: who never had a turn did not take part, and who fails in its turn ends the study', async () => {
  const strategy = { cyclic: { order: 'name' } }
  const short = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 2 }, strategy })
  await short.work(honest(short.parsed, { delta }))
  const results = await short.results()
  assert.deepEqual([results.outcome, results.contributed], ['completed partially', ['a', 'b']])
  await closed(short)
  const failing = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 6 }, strategy })
  await failing.work(
    except(honest(failing.parsed, { delta }), (task, site) =>
      task.kind === 'train' && site === 'b' ? failed('WR_TRAINING_DIVERGED') : undefined,
    ),
  )
  const ended = await failing.results()
  assert.deepEqual([ended.outcome, ended.stoppedBecause, ended.bestRound], ['abandoned', 'quorum lost', 1])
  await closed(failing)
})

test('quorum lost at the deadline: the round is thrown away, and the study is abandoned, not completed', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 5 } })
  await running.work(silentAt(honest(running.parsed, { delta }), 'train', 'c'))
  await running.pass(deadlineMs)
  await running.work(honest(running.parsed, { delta }))
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause, results.bestRound], ['abandoned', 'quorum lost', 0])
  assert.deepEqual(results.contributed, [])
  assert.equal(results.rounds[0]?.state, 'abandoned')
  assert.deepEqual(parts(results.rounds[0]?.sites), ['a contributed', 'b contributed', 'c late'])
  // What it would have become is nobody's: the model is the one it started from.
  const [round] = await running.rounds()
  assert.equal(round?.weights_out, null)
  assert.equal(JSON.parse(round?.weights_in ?? '{}').sha256, results.weightsSha256)
  await closed(running)
})

test('quorum lost in a later round: the best round before it is compared, and the outcome is still abandoned', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 5 } })
  const usual = honest(running.parsed, { delta })
  await running.work(
    except(usual, (task, site) => (task.kind === 'train' && task.round === 2 && site === 'b' ? 'silent' : undefined)),
  )
  await running.pass(deadlineMs)
  await running.work(usual)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.bestRound], ['abandoned', 1])
  assert.deepEqual(
    results.rounds.map(({ round, state }) => [round, state]),
    [
      [1, 'completed'],
      [2, 'abandoned'],
    ],
  )
  assert.deepEqual(
    results.sites.map(({ name }) => name),
    ['a', 'b'],
  )
  await closed(running)
})

test('a site that fails and one that refuses are named with their codes, and nobody waits for them', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 1, quorum: 1 } })
  await running.work(
    except(honest(running.parsed, { delta }), (task, site) => {
      if (task.kind !== 'train' || site === 'a') return undefined
      return site === 'b' ? failed('WR_TRAINING_DIVERGED') : failed('WR_EGRESS_REFUSED', true)
    }),
  )
  const results = await running.results()
  assert.equal(running.world.clock.now(), Date.UTC(2026, 0, 1))
  assert.deepEqual([results.outcome, results.contributed], ['completed partially', ['a']])
  assert.deepEqual(parts(results.rounds[0]?.sites), [
    'a contributed',
    'b failed WR_TRAINING_DIVERGED',
    'c refused WR_EGRESS_REFUSED',
  ])
  assert.deepEqual(
    (await running.detail()).failures.map(({ site, kind, round, code, refused }) => ({
      site,
      kind,
      round,
      code,
      refused,
    })),
    [
      { site: 'c', kind: 'train', round: 1, code: 'WR_EGRESS_REFUSED', refused: true },
      { site: 'b', kind: 'train', round: 1, code: 'WR_TRAINING_DIVERGED', refused: false },
    ],
  )
  assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1))
  await closed(running)
})

test('where all fail, the round is abandoned at once', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 3, quorum: 1 } })
  await running.work(
    except(honest(running.parsed), (task) => (task.kind === 'train' ? failed('WR_DATA_EMPTY') : undefined)),
  )
  const results = await running.results()
  assert.deepEqual([results.outcome, results.rounds.length], ['abandoned', 1])
  assert.deepEqual(parts(results.rounds[0]?.sites), ['a failed WR_DATA_EMPTY', 'b failed WR_DATA_EMPTY'])
  await closed(running)
})

/** Updates that are no good, and what they are called. */
const spoilt: Readonly<Record<string, (good: Uint8Array) => Uint8Array>> = {
  WR_WEIGHTS_NOT_FINITE: (good) => {
    const bytes = Uint8Array.from(good)
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true)
    return bytes
  },
  WR_WEIGHTS_INVALID: (good) => good.subarray(0, good.length - 4),
  WR_WEIGHTS_SHAPE: (good) =>
    Buffer.from(Buffer.from(good).toString('latin1').replace('output.bias', 'output.bogu'), 'latin1'),
}

for (const [code, spoil] of Object.entries(spoilt))
  test(`an update that is no good (${code}) counts as its site's failure; the others' stand`, async () => {
    const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1, quorum: 1 } })
    const usual = honest(running.parsed, { delta })
    await running.work(silentAt(usual, 'train', 'b'))
    const site = running.site('b')
    const task = await site.next()
    assert.ok(task !== undefined)
    const bytes = spoil(updateBytes(running.parsed, new Float32Array(7).fill(2)))
    await assert.rejects(site.perform(task, { update: bytes }), coded(code))
    await running.work(usual)
    const results = await running.results()
    assert.deepEqual(parts(results.rounds[0]?.sites), ['a contributed', `b refused ${code}`])
    assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1))
    await closed(running)
  })

test('an update that arrives damaged is asked for again, and counts once it is whole', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 1 } })
  const usual = honest(running.parsed, { delta })
  await running.work(silentAt(usual, 'train', 'a'))
  const site = running.site('a')
  const task = await site.next()
  assert.ok(task !== undefined)
  const update = updateBytes(running.parsed, new Float32Array(7).fill(1))
  const damaged = Uint8Array.from(update, (byte, index) => (index === 300 ? byte ^ 1 : byte))
  const announced = refOf(update)
  const mismatch = coded('WR_DIGEST_MISMATCH')
  await assert.rejects(site.perform(task, { update: damaged, announced }), mismatch)
  // In pieces, where nobody knows before the last of them: what has arrived is dropped.
  await site.call('upload', pieceOf(task.id, damaged, { end: 100, announced }))
  await assert.rejects(site.call('upload', pieceOf(task.id, damaged, { offset: 100, announced })), mismatch)
  assert.equal(await running.world.blobs.staged.receivedBytes(task.id), 0)
  await running.work(usual)
  assert.equal((await running.results()).outcome, 'completed')
  assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1))
  await closed(running)
})

test('the same report again is thanked for, another one is refused, and neither counts twice', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1 } })
  const usual = honest(running.parsed, { delta })
  await running.work(silentAt(usual, 'train', 'b'))
  const site = running.site('b')
  const task = await site.next()
  assert.ok(task !== undefined)
  const update = updateBytes(running.parsed, new Float32Array(7).fill(2))
  await site.perform(task, { update })
  await running.coordinator.idle()
  const bytes = await running.world.store.traffic(running.id)
  await site.perform(task, { update })
  await site.perform(task, { update })
  const other = updateBytes(running.parsed, new Float32Array(7).fill(2), 2_000_000)
  await assert.rejects(site.perform(task, { update: other }), coded('WR_TASK_CLOSED'))
  await assert.rejects(site.perform(task, failed('WR_TIMEOUT')), coded('WR_TASK_CLOSED'))
  assert.deepEqual(await running.world.store.traffic(running.id), bytes)
  await running.work(usual)
  assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1.5))
  await closed(running)
})

test('a report of another kind than its task, or for another site, is refused, and the task stays open', async () => {
  const running = await startedStudy(['a', 'b'])
  const [a, b] = [running.site('a'), running.site('b')]
  const task = await a.next()
  assert.ok(task?.kind === 'prepare')
  const figure = { report: { kind: 'evaluate', on: 'training', figure: null } } as const
  await assert.rejects(a.perform(task, figure), coded('WR_BODY_INVALID', { field: 'kind' }))
  await assert.rejects(b.perform(task, failed('WR_TIMEOUT')), coded('WR_TASK_FOREIGN', { task: task.id }))
  await assert.rejects(a.call('upload', pieceOf(task.id, Buffer.from('x'))), coded('WR_TASK_FOREIGN'))
  assert.deepEqual((await running.detail()).waitingFor, ['a', 'b'])
  await running.work(honest(running.parsed))
  assert.equal((await running.results()).outcome, 'completed')
  await closed(running)
})

test('a site that leaves between rounds is not asked again, and the result says so', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 2, quorum: 2 } })
  const usual = honest(running.parsed, { delta })
  await running.work(except(usual, (task) => (task.kind === 'evaluate' && task.round === 1 ? 'silent' : undefined)))
  await running.account('removeSite', { params: { site: 'c' } })
  await running.coordinator.idle()
  const staying = running.sites.filter(({ site }) => site !== 'c')
  for (let acted = true; acted; await running.coordinator.idle())
    acted = (await Promise.all(staying.map((site) => site.work(usual)))).includes(true)
  const results = await running.results()
  assert.deepEqual(
    [results.outcome, results.expected, results.contributed],
    ['completed partially', ['a', 'b', 'c'], ['a', 'b']],
  )
  assert.deepEqual(parts(results.rounds[0]?.sites), ['a contributed', 'b contributed', 'c contributed'])
  assert.deepEqual(parts(results.rounds[1]?.sites), ['a contributed', 'b contributed'])
  const first = moved(firstWeights(running.parsed), 7 / 3)
  assert.deepEqual(await weightsAfter(running, 2), moved(first, 1.5))
  await closed(running)
})

test('a site that leaves in the middle of a round is not waited for; below the quorum the study is abandoned', async () => {
  for (const [quorum, outcome] of [
    [2, 'completed partially'],
    [3, 'abandoned'],
  ] as const) {
    const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 1, quorum } })
    const usual = honest(running.parsed, { delta })
    await running.work(silentAt(usual, 'train', 'c'))
    const leaving = running.site('c')
    await leaving.call('leave')
    await running.coordinator.idle()
    await assert.rejects(leaving.call('nextTask'), coded('WR_SITE_LEFT', { site: 'c' }))
    const staying = running.sites.filter(({ site }) => site !== 'c')
    for (let acted = true; acted; await running.coordinator.idle())
      acted = (await Promise.all(staying.map((site) => site.work(usual)))).includes(true)
    const results = await running.results()
    assert.equal(results.outcome, outcome)
    assert.deepEqual(parts(results.rounds[0]?.sites), ['a contributed', 'b contributed', 'c refused WR_SITE_LEFT'])
    assert.equal(running.world.clock.now(), Date.UTC(2026, 0, 1))
    await closed(running)
  }
})

test('who does not measure by the deadline is left out of the figure, not out of the round', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1 } })
  const loss = (_: number, site: string): number => (site === 'a' ? 0.25 : 0.75)
  const usual = honest(running.parsed, { delta, loss })
  await running.work(silentAt(usual, 'evaluate', 'b'))
  await running.pass(deadlineMs)
  await running.work(usual)
  const results = await running.results()
  assert.deepEqual(results.rounds[0]?.overall, { value: 0.25, low: null, high: null, n: 20 })
  assert.deepEqual(
    results.rounds[0]?.sites.map(({ site, state, n, value }) => [site, state, n, value]),
    [
      ['a', 'contributed', 20, 0.25],
      ['b', 'contributed', null, null],
    ],
  )
  assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1.5))
  await closed(running)
})

test('a figure of another metric than the study watches is refused', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 1 } })
  const usual = honest(running.parsed)
  await running.work(silentAt(usual, 'evaluate', 'a'))
  const task = await running.site('a').next()
  assert.ok(task?.kind === 'evaluate')
  const figure = { metric: 'accuracy', records: 20, patients: 20, sum: 10 } as const
  await assert.rejects(
    running.site('a').perform(task, { report: { kind: 'evaluate', on: 'training', figure } }),
    coded('WR_BODY_INVALID', { field: 'figure.metric' }),
  )
  await running.work(usual)
  assert.deepEqual(parts((await running.results()).rounds[0]?.sites), ['a contributed'])
  await closed(running)
})

test('who reports while the coordinator looks at the deadline is counted, not thrown away', async () => {
  const world = await testWorld()
  /** Done once, before the next transaction begins: after the coordinator has read, and before it writes. */
  let meanwhile: (() => Promise<void>) | undefined
  const store: Store = {
    ...world.store,
    async transaction(work) {
      const first = meanwhile
      meanwhile = undefined
      await first?.()
      return world.store.transaction(work)
    },
  }
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1 } }, { ...world, store })
  const usual = honest(running.parsed, { delta })
  await running.work(silentAt(usual, 'train', 'b'))
  const site = running.site('b')
  const task = await site.next()
  assert.ok(task !== undefined)
  meanwhile = () => site.perform(task, usual(task, 'b'))
  await running.pass(deadlineMs)
  await running.work(usual)
  const results = await running.results()
  assert.equal(results.outcome, 'completed')
  assert.deepEqual(await weightsAfter(running, 1), moved(firstWeights(running.parsed), 1.5))
  await closed(running)
})

test('a report whose commit was done but not heard of moves the study on when it comes again', async () => {
  const world = await testWorld()
  let failures = 0
  const store: Store = {
    ...world.store,
    async transaction(work) {
      const done = await world.store.transaction(work)
      if (failures-- > 0) throw new WardroundError('WR_STORE', { store: 'PostgreSQL', reason: 'gone' })
      return done
    },
  }
  const running = await startedStudy(['a'], { rounds: { maximum: 1 } }, { ...world, store })
  const usual = honest(running.parsed, { delta })
  await running.work(silentAt(usual, 'train', 'a'))
  const site = running.site('a')
  const task = await site.next()
  assert.ok(task !== undefined)
  failures = 1
  const act = usual(task, 'a')
  assert.ok(act !== 'silent')
  await assert.rejects(site.perform(task, act), coded('WR_UNAVAILABLE', { reason: 'store' }))
  const told = running.lines.splice(0).filter(({ level }) => level === 'error')
  assert.deepEqual(
    told.map(({ fields }) => fields?.code),
    ['WR_STORE'],
  )
  await running.coordinator.idle()
  assert.equal((await running.rounds())[0]?.phase, 'collecting')
  await site.perform(task, act)
  await running.coordinator.idle()
  assert.equal((await running.rounds())[0]?.phase, 'evaluating')
  await closed(running)
})

test('a coordinator that was down when a deadline passed gives it anew, and moves on when that has passed', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1, quorum: 1 } })
  const usual = honest(running.parsed, { delta })
  await running.work(silentAt(usual, 'train', 'b'))
  const again = await startCoordinator({ ...running.world, clock: later(running.world.clock, 3 * deadlineMs) })
  await again.idle()
  assert.equal((await running.rounds())[0]?.phase, 'collecting')
  await running.pass(deadlineMs)
  await again.idle()
  assert.equal((await running.rounds())[0]?.phase, 'evaluating')
  await again.app.close()
  await closed(running)
})

test('asked again and again at every moment, a study makes the same way', async () => {
  const story = async (advancing: boolean): Promise<unknown> => {
    const running = await startedStudy(['a', 'b'], { rounds: { maximum: 2 }, strategy: { fedAdam: { rate: 0.1 } } })
    const context = contextOf(running)
    const usual = honest(running.parsed, { delta })
    for (let acted = true; acted; ) {
      acted = false
      for (const site of running.sites) {
        if (await site.work(usual)) acted = true
        await running.coordinator.idle()
        for (let turn = 0; advancing && turn < 3; turn++) await advanceStudy(context, running.id)
      }
    }
    const events = (await running.events()).map(({ kind, payload }) => ({ kind, payload }))
    const { weightsSha256 } = await running.results()
    await closed(running)
    return { events, weightsSha256 }
  }
  assert.deepEqual(await story(true), await story(false))
})

test('where nobody is left when preparation begins, the study is blocked, not stuck', async () => {
  const federation = await testFederation(['a'])
  const id = await federation.publish(parsedPlan())
  await federation.world.store.updateSite('a', { state: 'left' })
  await federation.world.store.updateStudy(id, { state: 'preparing', attempt: 1 })
  await advanceStudy(contextOf(federation), id)
  assert.equal((await federation.world.store.study(id))?.state, 'blocked')
  await closed(federation)
})
