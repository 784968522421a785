/**
 * One round, top to bottom. Its phase is persisted; each function below does the work of one phase, commits, and says whether to go
 * on. Calling it again at any moment, also after a crash, does no harm: work that was committed is not done twice, and
 * work that was not is done again with the same bits.
 *
 *     recruiting → collecting → aggregating → evaluating → completed
 *                       ↘ abandoned (quorum lost)
 */

import { collectingOf } from '@wardround/core/learning/collecting.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { mergeRoundFigures } from '@wardround/core/metrics/round-figure.ts'
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { RoundSite } from '@wardround/core/protocol/events.ts'
import type { RoundResult } from '@wardround/core/protocol/results.ts'
import { blobRefSchema, type TaskResult } from '@wardround/core/protocol/task.ts'
import { mendRound, postponed } from './again.ts'
import { type Aggregated, aggregateRound } from './aggregate.ts'
import type { GatheredBlobs } from './blobs/gathered.ts'
import { cohortOf, isUnderWay, partsOf, trainLifeMs, underway } from './cohort.ts'
import type { Context } from './context.ts'
import { correctionParts, withCommon } from './correction.ts'
import { aggregateInput, countedTasks } from './inputs.ts'
import { changeStudy } from './needed.ts'
import { activeSites, judgeStudy, type Running } from './running.ts'
import type { RoundRow, TaskRow } from './store/schema.ts'
import {
  assign,
  closeLate,
  deadlineMsOf,
  dueAt,
  makeTasks,
  quorumOf,
  reported,
  resultOf,
  standing,
  wakeSites,
} from './tasks.ts'

/** true: something changed, call again. false: waiting for sites, or the round has ended. */
export async function advanceRound(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  switch (round.phase) {
    case 'recruiting':
      return recruit(context, running, round)
    case 'collecting':
      return collect(context, running, round)
    case 'aggregating':
      return aggregate(context, running, round)
    case 'evaluating':
      return evaluate(context, running, round)
    case 'completed':
    case 'abandoned':
      return false
  }
}

/**
 * Fixes who takes part: every site that approved and has not left. Those whose turn it is get a train task (all, unless the strategy says whose it
 * is), but those that go on with an earlier one.
 */
async function recruit(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { study, row } = running
  const cohort = await activeSites(context, row)
  const need = Math.max(1, quorumOf(study, cohort))
  if (cohort.length < need) return abandon(context, running, { round, tasks: [] })
  const { working, tooLate } = await underway(context, running, round.number)
  await closeLate(context, tooLate)
  const content = {
    kind: 'train' as const,
    ...running.prepared,
    round: round.number,
    weights: blobRefSchema.parse(JSON.parse(round.weights_in)),
    bestRound: row.best_round,
  }
  const { turn = (all: readonly string[]) => all } = strategyOf(study.strategy)
  const asked = turn(cohort, { number: round.number, seed: study.seed })
  const own = await correctionParts(context, running, round)
  const lifeMs = trainLifeMs(collectingOf(study), deadlineMsOf(study))
  const sites = asked.filter((site) => !working.has(site))
  const tasks = makeTasks(context, row, { sites, number: round.number, content, own, lifeMs })
  await changeStudy(context, row.id, async (tables) => {
    await assign(tables, tasks)
    await tables.putRound({
      ...round,
      phase: 'collecting',
      cohort: JSON.stringify(cohort),
      deadline_at: context.clock.steadyNow() + deadlineMsOf(study),
    })
    await tables.event({ kind: 'round.started', study: row.id, payload: { round: round.number, sites: [...asked] } })
  })
  wakeSites(context, tasks)
  return true
}

/**
 * Waits until every site has reported or failed, or as many have as the study waits for, or the deadline has passed. With its quorum the
 * round goes on; which updates count in it is written down, and they count in no other.
 */
async function collect(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { store } = context
  const { goal, staleness } = collectingOf(running.study)
  const seen = await partsOf(context, running, round)
  const { settled, open } = standing(seen, { ...timeLeft(context, running, round), goal })
  if (!settled || (goal === undefined && (await putOff(context, running, { round, open })))) return false
  if (staleness === undefined) await closeLate(context, open)
  // Read again: one may have reported while we looked, and was thanked for it.
  const tasks = await partsOf(context, running, round)
  const arrived = tasks.filter(({ state }) => state === 'reported')
  if (arrived.length < fewest(running, round, tasks)) {
    const late = tasks.filter(({ state }) => state === 'open')
    if (late.length === 0) return abandon(context, running, { round, tasks })
    await closeLate(context, late)
    return true
  }
  const ids = arrived.map(({ id }) => id)
  await store.transaction(async (tables) => {
    await tables.countIn(round.number, ids)
    await tables.updateRound(round, { phase: 'aggregating' })
  })
  return true
}

/** Updates that a round needs, of the sites that were asked. */
const fewest = ({ study }: Running, round: RoundRow, asked: readonly TaskRow[]): number =>
  Math.max(1, Math.min(asked.length, quorumOf(study, cohortOf(round))))

/** Sums the updates in order of site name, lets the strategy take its step, and asks for the new weights to be measured. */
async function aggregate(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const open = (await countedTasks(context, running, round)).filter(({ state }) => state === 'open')
  if (open.length > 0) return collectAgain(context, running, { round, open })
  const input = await aggregateInput(context, running, round)
  const tasks = await partsOf(context, running, round)
  if (input.updates.length < fewest(running, round, tasks)) return abandon(context, running, { round, tasks })
  try {
    await context.blobs.hold(async (held) => {
      const gathered = held.gathering()
      const aggregated = await aggregateRound(gathered, input)
      const state = await withCommon(gathered, input, aggregated.state)
      await askToMeasure(context, running, {
        round,
        gathered,
        sites: input.updates.map(({ site }) => site),
        ...aggregated,
        state,
      })
    })
  } catch (error) {
    if (!(await mendRound(context, running, { round, input }))) throw error
  }
  return true
}

/** Waits for updates that were damaged here and are sent again; after the deadline the round goes on without them. */
async function collectAgain(
  context: Context,
  running: Running,
  { round, open }: { round: RoundRow; open: readonly TaskRow[] },
): Promise<boolean> {
  const { settled } = standing(open, timeLeft(context, running, round))
  if (!settled || (await putOff(context, running, { round, open }))) return false
  await closeLate(context, open)
  return true
}

/** Whether the round's time begins anew, because what the sites need is lost. */
const putOff = (
  context: Context,
  { study }: Running,
  { round, open }: { round: RoundRow; open: readonly TaskRow[] },
): Promise<boolean> =>
  postponed(context, open, (tables) =>
    tables.updateRound(round, { deadline_at: context.clock.steadyNow() + deadlineMsOf(study) }),
  )

type Asking = { readonly round: RoundRow; readonly gathered: GatheredBlobs; readonly sites: readonly string[] }

/** The new weights and the strategy's new state are the round's, and those whose updates are in them have them to measure. */
async function askToMeasure(
  context: Context,
  running: Running,
  { round, gathered, sites, weights, state, measurements }: Aggregated & Asking,
): Promise<void> {
  const { store, clock } = context
  const { study, row } = running
  const content = { kind: 'evaluate' as const, ...running.prepared, round: round.number, weights }
  const asked = makeTasks(context, row, { sites, number: round.number, content, lifeMs: deadlineMsOf(study) })
  await store.transaction(async (tables) => {
    await assign(tables, asked)
    await gathered.write(tables)
    for (const ref of [weights, ...Object.values(state)]) await tables.keepBlob(row.id, ref)
    await tables.updateRound(round, {
      phase: 'evaluating',
      weights_out: JSON.stringify(weights),
      strategy_state: JSON.stringify(state),
      deadline_at: clock.steadyNow() + deadlineMsOf(study),
      result: JSON.stringify({ measurements }),
    })
  })
  wakeSites(context, asked)
}

/** Merges what the sites measured, judges convergence, and ends the round. */
async function evaluate(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { store, clock } = context
  const { row } = running
  const asked = (): Promise<TaskRow[]> => store.tasksOf(row.id, 'evaluate', round.number)
  const { settled, open } = standing(await asked(), timeLeft(context, running, round))
  if (!settled || (await putOff(context, running, { round, open }))) return false
  await closeLate(context, open)
  const trained = await partsOf(context, running, round)
  const measured = reported(await asked(), 'evaluate')
  const overall = overallOf(measured.map(({ result }) => result))
  const { measurements } = JSON.parse(round.result ?? '{"measurements":{}}') as { measurements: Record<string, number> }
  const sites = trained.map((task) => {
    const own = measured.find(({ site }) => site === task.site)?.result
    return task.counted_in === round.number ? contribution(task, round.number, own) : absence(task)
  })
  const ended = endedRound(context, round, { state: 'completed', overall, sites, measurements })
  const { bestRound } = await judgeStudy(context, running, { round: round.number, value: overall.value })
  await changeStudy(context, row.id, async (tables) => {
    await tables.updateRound(round, {
      phase: 'completed',
      ended_at: clock.now(),
      value: overall.value,
      result: JSON.stringify(ended),
    })
    await tables.updateStudy(row.id, { best_round: bestRound })
    await tables.event({
      kind: 'round.ended',
      study: row.id,
      payload: {
        round: round.number,
        state: 'completed',
        metric: running.metric,
        on: running.measuredOn,
        overall,
        sites,
        measurements,
      },
    })
  })
  return true
}

const timeLeft = (context: Context, { study }: Running, { deadline_at }: RoundRow) => ({
  deadlineAt: deadline_at === null ? null : dueAt(context, deadline_at, deadlineMsOf(study)),
  now: context.clock.steadyNow(),
})

/** Too few sites: the round is thrown away. */
async function abandon(
  context: Context,
  running: Running,
  { round, tasks }: { round: RoundRow; tasks: readonly TaskRow[] },
): Promise<boolean> {
  const overall: Estimate = { value: null, low: null, high: null, n: null }
  const sites = tasks.map((task) =>
    task.state === 'reported' ? contribution(task, round.number, undefined) : absence(task),
  )
  const ended = endedRound(context, round, { state: 'abandoned', overall, sites, measurements: {} })
  await changeStudy(context, running.row.id, async (tables) => {
    await tables.putRound({
      ...round,
      phase: 'abandoned',
      ended_at: context.clock.now(),
      result: JSON.stringify(ended),
    })
    await tables.event({
      kind: 'round.ended',
      study: running.row.id,
      payload: {
        round: round.number,
        state: 'abandoned',
        metric: running.metric,
        on: running.measuredOn,
        overall,
        sites,
        measurements: {},
      },
    })
  })
  return true
}

type Ended = Pick<RoundResult, 'state' | 'overall' | 'sites' | 'measurements'>
const endedRound = ({ clock }: Context, round: RoundRow, ended: Ended): RoundResult => ({
  round: round.number,
  ...ended,
  startedAt: new Date(round.started_at).toISOString(),
  endedAt: new Date(clock.now()).toISOString(),
})

type Measured = Extract<TaskResult, { kind: 'evaluate' }>

const secondsOf = ({ settled_at, issued_at }: TaskRow): number =>
  Math.max(0, (settled_at ?? issued_at) - issued_at) / 1000

/** The part of a site whose update counted, or would have: with what it measured. */
function contribution(task: TaskRow, round: number, measured: Measured | undefined): RoundSite {
  const stale = round - task.round
  return {
    site: task.site,
    state: 'contributed',
    ...(stale === 0 ? {} : { stale }),
    n: measured?.figure?.patients ?? null,
    value: measured?.figure ? measured.figure.sum / measured.figure.records : null,
    seconds: secondsOf(task),
  }
}

/** The part of a site whose update did not count: because there is none, or not yet. */
function absence(task: TaskRow): RoundSite {
  const result = resultOf(task)
  const part = { site: task.site, n: null, value: null, seconds: secondsOf(task) }
  if (result?.kind === 'failed') return { ...part, state: result.refused ? 'refused' : 'failed', code: result.code }
  return { ...part, state: isUnderWay(task) ? 'working' : 'late' }
}

/** All sites together. There is no interval: one round's figure is watched, not reported. */
function overallOf(measured: readonly Measured[]): Estimate {
  const merged = mergeRoundFigures(measured.flatMap(({ figure }) => (figure === null ? [] : [figure])))
  return { value: merged?.value ?? null, low: null, high: null, n: merged?.patients ?? null }
}
