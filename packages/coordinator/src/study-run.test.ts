/** A study from start to end, on virtual time, with sites that act by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closed } from './testing/closed.ts'
import { coded } from './testing/errors.ts'
import {
  except,
  honest,
  lastingWorld,
  startedStudy,
  type TestFederation,
  testFederation,
} from './testing/federation.ts'
import { deadlineMs, firstWeights, parsedPlan, survey } from './testing/study.ts'

/** Kind, task's kind and site of every event. */
const story = async (federation: TestFederation): Promise<string[]> =>
  (await federation.events()).map(({ kind, payload }) =>
    [kind, 'kind' in payload ? payload.kind : '', 'site' in payload ? payload.site : ''].filter(Boolean).join(' '),
  )
const told = async (federation: TestFederation, kind: string) =>
  (await federation.events()).filter((event) => event.kind === kind).map(({ payload }) => payload)

/** w ← fround(w + change) for each weight. */
const moved = (weights: Float32Array, change: number): Float32Array => weights.map((weight) => weight + change)

test('two hospitals, one round: every event in its order, weights and loss by hand', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 1 } })
  const { parsed } = running
  const first = (_: number, site: string): boolean => site === 'a'
  await running.work(
    honest(parsed, {
      delta: (round, site) => (first(round, site) ? 1 : 2),
      numExamples: (site) => (first(1, site) ? 30 : 10),
      loss: (round, site) => (first(round, site) ? 0.25 : 0.75),
    }),
  )
  assert.deepEqual(await story(running), [
    'site.joined a',
    'site.joined b',
    'study.published',
    'study.decided a',
    'study.decided b',
    'study.started',
    'task.assigned prepare a',
    'task.assigned prepare b',
    'task.reported prepare a',
    'task.reported prepare b',
    'study.prepared',
    'task.assigned train a',
    'task.assigned train b',
    'round.started',
    'task.reported train a',
    'task.reported train b',
    'task.assigned evaluate a',
    'task.assigned evaluate b',
    'task.reported evaluate a',
    'task.reported evaluate b',
    'round.ended',
    'study.finishing',
    'task.assigned finish a',
    'task.assigned finish b',
    'task.reported finish a',
    'task.reported finish b',
    'study.ended',
  ])
  const [round] = await running.rounds()
  // (30·1 + 10·2) / 40 = 1.25
  assert.deepEqual(await running.weightsOf(round?.weights_in ?? null), firstWeights(parsed))
  assert.deepEqual(await running.weightsOf(round?.weights_out ?? null), moved(firstWeights(parsed), 1.25))
  const results = await running.results()
  assert.deepEqual(
    { outcome: results.outcome, because: results.stoppedBecause, best: results.bestRound },
    { outcome: 'completed', because: 'maximum rounds', best: 1 },
  )
  assert.deepEqual(
    [results.expected, results.contributed],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  assert.equal(JSON.parse(round?.weights_out ?? '{}').sha256, results.weightsSha256)
  // (20·0.25 + 20·0.75) / 40 = 0.5 on 40 patients.
  assert.deepEqual(results.rounds[0]?.overall, { value: 0.5, low: null, high: null, n: 40 })
  assert.deepEqual(
    results.rounds[0]?.sites.map(({ site, state, value }) => ({ site, state, value })),
    [
      { site: 'a', state: 'contributed', value: 0.25 },
      { site: 'b', state: 'contributed', value: 0.75 },
    ],
  )
  // Seven weights move by 1.25 each.
  assert.deepEqual(results.rounds[0]?.measurements, {
    aggregateNorm: Math.sqrt(7 * 1.25 ** 2),
    stepNorm: Math.sqrt(7 * 1.25 ** 2),
  })
  await closed(running)
})

test("a strategy's state goes from round to round: FedAvgM by hand", async () => {
  const change = { strategy: { fedAvgM: { rate: 1, momentum: 0.5 } }, rounds: { maximum: 3 } }
  const running = await startedStudy(['a'], change, await lastingWorld())
  await running.work(honest(running.parsed, { delta: (round) => [8, 2, -3][round - 1] ?? 0 }))
  const rounds = await running.rounds()
  // v₁ = 8, v₂ = ½·8 + 2 = 6, v₃ = ½·6 − 3 = 0
  const [first, second] = [moved(firstWeights(running.parsed), 8), moved(moved(firstWeights(running.parsed), 8), 6)]
  for (const [index, wanted] of [first, second, second].entries())
    assert.deepEqual(await running.weightsOf(rounds[index]?.weights_out ?? null), wanted)
  await closed(running)
})

test('the surveys of all sites make one preparation, which every later task carries', async () => {
  const running = await startedStudy(['a', 'b'])
  const hashes = new Set<string>()
  await running.work(
    except(honest(running.parsed), (task, site) => {
      if (task.kind !== 'prepare') hashes.add(task.preparationHash)
      const own = survey()
      const age = { ...own.columns.age, mean: site === 'a' ? 40 : 60 }
      return task.kind === 'prepare'
        ? { report: { kind: 'prepare', survey: { ...own, columns: { age } as typeof own.columns } } }
        : undefined
    }),
  )
  const { preparation } = await running.detail()
  // 20 patients at 40 and 20 at 60, m2 = 2000 each: mean 50, m2 = 4000 + 20²·(20·20/40) = 8000, deviation √(8000/40).
  assert.deepEqual(preparation, {
    columns: [{ name: 'age', type: 'number', fill: 50, mean: 50, standardDeviation: Math.sqrt(200) }],
    normalise: 'global',
    contributors: ['a', 'b'],
  })
  const [prepared] = await told(running, 'study.prepared')
  assert.deepEqual([...hashes], [prepared !== undefined && 'preparationHash' in prepared && prepared.preparationHash])
  await closed(running)
})

test('convergence: rounds stop after patience without a better one, and the best round is the result', async () => {
  const losses = [0.5, 0.375, 0.4375, 0.38]
  const running = await startedStudy(['a', 'b'], {
    rounds: { maximum: 20, stop: { metric: 'loss', patience: 2, minimumChange: 0.01 } },
  })
  const bestSoFar: number[] = []
  const finishing: unknown[] = []
  await running.work(
    except(
      honest(running.parsed, { loss: (round) => losses[round - 1] ?? 0, delta: (round) => 2 ** -round }),
      (task, site) => {
        if (task.kind === 'train' && site === 'a') bestSoFar.push(task.bestRound)
        if (task.kind === 'finish') finishing.push([task.round, task.weights.sha256])
        return undefined
      },
    ),
  )
  const results = await running.results()
  assert.equal(results.stoppedBecause, 'converged')
  assert.equal(results.outcome, 'completed')
  assert.equal(results.bestRound, 2)
  assert.deepEqual(bestSoFar, [0, 1, 2, 2])
  const rounds = await running.rounds()
  assert.deepEqual(
    rounds.map(({ phase, value }) => [phase, value]),
    losses.map((loss) => ['completed', loss]),
  )
  assert.deepEqual(finishing, [
    [2, results.weightsSha256],
    [2, results.weightsSha256],
  ])
  // ½ in round 1, ¼ in round 2.
  const wanted = moved(moved(firstWeights(running.parsed), 0.5), 0.25)
  assert.deepEqual(await running.weightsOf(rounds[1]?.weights_out ?? null), wanted)
  const { round, weights } = await running.account('weights', { params: { study: running.id } })
  assert.deepEqual([round, weights.sha256], [2, results.weightsSha256])
  await closed(running)
})

test('a round whose figure nobody may tell is no improvement, and no failure', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 3, stop: { metric: 'loss', patience: 3 } } })
  await running.work(honest(running.parsed, { loss: (round) => (round === 1 ? 0.5 : null) }))
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause, results.bestRound], ['completed', 'maximum rounds', 1])
  const [alone] = await running.world.store.tasksOf(running.id, 'finish', 1)
  assert.equal(JSON.parse(alone?.document ?? '{}').maximumRounds, running.parsed.study.rounds.maximum)
  assert.deepEqual(results.rounds[1]?.overall, { value: null, low: null, high: null, n: null })
  await closed(running)
})

test('figures that a hospital sends without being asked are not in the result', async () => {
  const running = await startedStudy(['a'], { rounds: { maximum: 1 }, evaluate: ['auroc'] })
  // As of a version that sent every figure that the outcome has.
  await running.work(honest(running.parsed))
  const { sites, overall } = await running.results()
  const unasked = { value: null, low: null, high: null, n: 10 }
  for (const [sent, own] of [
    [0.5, sites[0]?.local],
    [0.75, sites[0]?.federated],
    [0.25, sites[0]?.difference],
  ] as const) {
    assert.equal(own?.auroc.value, sent)
    assert.deepEqual([own.accuracy, own.brier], [unasked, unasked])
  }
  assert.equal(overall.federated.accuracy.value, null)
})

test('stopped by a person: the round in progress is finished, and the best so far is the result', async () => {
  const running = await startedStudy(['a', 'b'], { rounds: { maximum: 20 } })
  const stop = () => running.account('stop', { params: { study: running.id } })
  const usual = honest(running.parsed)
  await running.work(except(usual, (task) => (task.kind === 'train' && task.round === 3 ? 'silent' : undefined)))
  await stop()
  assert.equal((await running.detail()).state, 'running')
  await running.work(usual)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.stoppedBecause], ['stopped early', 'stopped by a person'])
  assert.equal(results.rounds.length, 3)
  assert.equal(results.bestRound, 3)
  // Alone, too, nobody gets more than there were.
  const [alone] = await running.world.store.tasksOf(running.id, 'finish', 3)
  assert.equal(JSON.parse(alone?.document ?? '{}').maximumRounds, 3)
  await assert.rejects(stop(), coded('WR_STUDY_STATE', { state: 'ended' }))
  const audited = await running.account('audit')
  assert.deepEqual(
    audited.entries.filter(({ kind }) => kind === 'study.stop').map(({ body }) => body),
    [{ study: running.id, by: 'tester' }],
  )
  await closed(running)
})

test('preflight: a fault blocks the study and names the site; mended, a later start goes on', async () => {
  const running = await startedStudy(['a', 'b'])
  const fault = { code: 'missingColumn', severity: 'error', column: 'age' } as const
  const warning = { code: 'constant', severity: 'warning', column: 'age' } as const
  const faulty = except(honest(running.parsed), (task, site) =>
    task.kind === 'prepare' && site === 'b'
      ? { report: { kind: 'prepare', survey: survey([fault, warning]) } }
      : undefined,
  )
  await running.work(faulty)
  const blocked = await running.detail()
  assert.equal(blocked.state, 'blocked')
  assert.deepEqual(blocked.findings, { a: [], b: [fault, warning] })
  assert.equal(blocked.preparation, null)
  assert.deepEqual(await told(running, 'study.blocked'), [{ sites: ['b'] }])
  assert.deepEqual(await running.rounds(), [])
  assert.deepEqual(running.world.clock.alarms(), [])
  // Still not mended: it blocks again. Then it is.
  await running.start(running.id)
  await running.work(faulty)
  assert.equal((await running.detail()).state, 'blocked')
  await running.start(running.id)
  await running.work(honest(running.parsed))
  const ended = await running.detail()
  assert.deepEqual([ended.state, ended.outcome, ended.findings], ['ended', 'completed', { a: [], b: [] }])
  const prepared = (await running.world.store.studyTasks(running.id)).filter(({ kind }) => kind === 'prepare')
  assert.deepEqual(
    prepared.map(({ round, site, state }) => `${round} ${site} ${state}`).toSorted(),
    [1, 2, 3].flatMap((attempt) => [`${attempt} a reported`, `${attempt} b reported`]),
  )
  await closed(running)
})

test('preflight: a site that does not answer by the deadline blocks a study that needs all, and is named', async () => {
  const running = await startedStudy(['a', 'b'])
  const silent = except(honest(running.parsed), (_, site) => (site === 'b' ? 'silent' : undefined))
  await running.work(silent)
  await running.pass(deadlineMs - 1)
  assert.equal((await running.detail()).state, 'preparing')
  assert.deepEqual((await running.detail()).waitingFor, ['b'])
  await running.pass(1)
  assert.equal((await running.detail()).state, 'blocked')
  assert.deepEqual(await told(running, 'study.blocked'), [{ sites: ['b'] }])
  await closed(running)
})

test('preflight: with a quorum the study goes on without it, and it joins the rounds', async () => {
  const running = await startedStudy(['a', 'b', 'c'], { rounds: { maximum: 1, quorum: 2 } })
  await running.work(except(honest(running.parsed), (_, site) => (site === 'c' ? 'silent' : undefined)))
  await running.pass(deadlineMs)
  const { preparation, state } = await running.detail()
  assert.equal(state, 'running')
  assert.deepEqual(preparation?.contributors, ['a', 'b'])
  await running.work(honest(running.parsed))
  assert.deepEqual((await running.results()).contributed, ['a', 'b', 'c'])
  await closed(running)
})

test('the final comparison waits for a silent site as long as training alone may take, then ends without it', async () => {
  const running = await startedStudy(['a', 'b'])
  await running.work(
    except(honest(running.parsed), (task, site) => (task.kind === 'finish' && site === 'b' ? 'silent' : undefined)),
  )
  // Two rounds, so two deadlines.
  await running.pass(2 * deadlineMs - 1)
  assert.equal((await running.detail()).state, 'finishing')
  await running.pass(1)
  const results = await running.results()
  assert.deepEqual([results.outcome, results.expected, results.contributed], ['completed partially', ['a', 'b'], ['a']])
  assert.deepEqual(
    results.sites.map(({ name }) => name),
    ['a'],
  )
  await closed(running)
})

test('only the sites that are named at the start are asked', async () => {
  const federation = await testFederation(['a', 'b', 'c'])
  const parsed = parsedPlan({ rounds: { maximum: 1 } })
  const id = await federation.publish(parsed)
  await federation.start(id, ['a', 'c'])
  await federation.work(honest(parsed))
  const results = await federation.account('results', { params: { study: id } })
  assert.deepEqual([results.outcome, results.expected, results.contributed], ['completed', ['a', 'c'], ['a', 'c']])
  assert.equal(await federation.site('b').next(), undefined)
  await closed(federation)
})

test('a study that too few approve does not start; one that is under way does not start twice', async () => {
  const federation = await testFederation(['a', 'b'])
  const parsed = parsedPlan({ rounds: { quorum: 2 } })
  const id = await federation.publish(parsed, [federation.site('a')])
  await federation.site('b').decide(id, parsed.planHash, { decision: 'refused', reason: 'No ethics vote.' })
  const params = { study: id }
  await assert.rejects(federation.start(id), coded('WR_QUORUM_IMPOSSIBLE', { have: 1, need: 2 }))
  await assert.rejects(federation.start(id, ['a', 'b']), coded('WR_QUORUM_IMPOSSIBLE', { have: 1, need: 2 }))
  await assert.rejects(federation.account('stop', { params }), coded('WR_STUDY_STATE', { state: 'published' }))
  await assert.rejects(federation.account('results', { params }), coded('WR_STUDY_STATE', { state: 'published' }))
  await assert.rejects(federation.account('weights', { params }), coded('WR_STUDY_STATE', { state: 'published' }))
  await federation.site('b').decide(id, parsed.planHash)
  await federation.start(id)
  await assert.rejects(federation.start(id), coded('WR_STUDY_STATE', { state: 'preparing' }))
  await closed(federation)
})
