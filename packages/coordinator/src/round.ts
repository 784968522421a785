/**
 * One round, top to bottom. Its phase is persisted; each function below does the work of one phase, commits, and says whether to go
 * on. Calling it again at any moment, also after a crash, does no harm: work that was committed is not done twice, and
 * work that was not is done again with the same bits.
 *
 *     recruiting → collecting → aggregating → evaluating → completed
 *                       ↘ abandoned (quorum lost)
 */

import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { mergeRoundFigures } from '@wardround/core/metrics/round-figure.ts'
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { RoundSite } from '@wardround/core/protocol/events.ts'
import type { RoundResult } from '@wardround/core/protocol/results.ts'
import { blobRefSchema, type TaskResult } from '@wardround/core/protocol/task.ts'
import { aggregateRound } from './aggregate.ts'
import type { Context } from './context.ts'
import { activeSites, judgeStudy, type Running } from './running.ts'
import type { RoundRow, TaskRow } from './store/schema.ts'
import {
  assign,
  closeLate,
  deadlineMsOf,
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

/** Fixes who takes part: every site that approved and has not left. Each gets a train task. */
async function recruit(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { study, row } = running
  const cohort = await activeSites(context, row)
  const need = Math.max(1, quorumOf(study, cohort))
  if (cohort.length < need) return abandon(context, running, { round, tasks: [] })
  const content = {
    kind: 'train' as const,
    ...running.prepared,
    round: round.number,
    weights: blobRefSchema.parse(JSON.parse(round.weights_in)),
    bestRound: row.best_round,
  }
  const tasks = await makeTasks(context, row, {
    sites: cohort,
    number: round.number,
    content,
    lifeMs: deadlineMsOf(study),
  })
  await context.store.transaction(async (tables) => {
    await assign(tables, tasks)
    await tables.putRound({
      ...round,
      phase: 'collecting',
      cohort: JSON.stringify(cohort),
      deadline_at: context.clock.now() + deadlineMsOf(study),
    })
    await tables.event({ kind: 'round.started', study: row.id, payload: { round: round.number, sites: cohort } })
  })
  wakeSites(context, tasks)
  return true
}

/** Waits until every site has reported or failed, or the deadline has passed. With its quorum the round goes on. */
async function collect(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { store, clock } = context
  const asked = (): Promise<TaskRow[]> => store.tasksOf(running.row.id, 'train', round.number)
  const { settled, open } = standing(await asked(), { deadlineAt: round.deadline_at, now: clock.now() })
  if (!settled) return false
  await closeLate(context, open)
  // Read again: one may have reported while we looked, and was thanked for it.
  const tasks = await asked()
  const need = Math.max(1, quorumOf(running.study, cohortOf(round)))
  if (reported(tasks, 'train').length < need) return abandon(context, running, { round, tasks })
  await store.updateRound(round, { phase: 'aggregating' })
  return true
}

/** Sums the updates in order of site name, lets the strategy take its step, and asks for the new weights to be measured. */
async function aggregate(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { store, clock } = context
  const tasks = await store.tasksOf(running.row.id, 'train', round.number)
  const updates = reported(tasks, 'train').map(({ site, result }) => ({
    site,
    update: result.update,
    numExamples: result.numExamples,
  }))
  const previous = await store.completedBefore(running.row.id, round.number)
  const { weights, state, measurements } = await aggregateRound(context.blobs, {
    strategy: strategyOf(running.study.strategy),
    specs: running.specs,
    weights: blobRefSchema.parse(JSON.parse(round.weights_in)),
    state: previous?.strategy_state ? (JSON.parse(previous.strategy_state) as Record<string, unknown>) : undefined,
    updates,
  })
  const content = { kind: 'evaluate' as const, ...running.prepared, round: round.number, weights }
  const sites = updates.map(({ site }) => site)
  const asked = await makeTasks(context, running.row, {
    sites,
    number: round.number,
    content,
    lifeMs: deadlineMsOf(running.study),
  })
  await store.transaction(async (tables) => {
    await assign(tables, asked)
    const deadline = clock.now() + deadlineMsOf(running.study)
    const result = JSON.stringify({ measurements })
    await tables.updateRound(round, {
      phase: 'evaluating',
      weights_out: JSON.stringify(weights),
      strategy_state: JSON.stringify(state),
      deadline_at: deadline,
      result,
    })
  })
  wakeSites(context, asked)
  return true
}

/** Merges what the sites measured, judges convergence, and ends the round. */
async function evaluate(context: Context, running: Running, round: RoundRow): Promise<boolean> {
  const { store, clock } = context
  const { row } = running
  const asked = (): Promise<TaskRow[]> => store.tasksOf(row.id, 'evaluate', round.number)
  const { settled, open } = standing(await asked(), { deadlineAt: round.deadline_at, now: clock.now() })
  if (!settled) return false
  await closeLate(context, open)
  const trained = await store.tasksOf(row.id, 'train', round.number)
  const measured = reported(await asked(), 'evaluate')
  const overall = overallOf(measured.map(({ result }) => result))
  const { measurements } = JSON.parse(round.result ?? '{"measurements":{}}') as { measurements: Record<string, number> }
  const sites = trained.map((task) => roundSite(task, measured.find(({ site }) => site === task.site)?.result))
  const ended = endedRound(context, round, { state: 'completed', overall, sites, measurements })
  const { bestRound } = await judgeStudy(context, running, { round: round.number, value: overall.value })
  await store.transaction(async (tables) => {
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

/** Too few sites: the round is thrown away. */
async function abandon(
  context: Context,
  running: Running,
  { round, tasks }: { round: RoundRow; tasks: readonly TaskRow[] },
): Promise<boolean> {
  const overall: Estimate = { value: null, low: null, high: null, n: null }
  const sites = tasks.map((task) => roundSite(task, undefined))
  const ended = endedRound(context, round, { state: 'abandoned', overall, sites, measurements: {} })
  await context.store.transaction(async (tables) => {
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

const cohortOf = (round: RoundRow): string[] => JSON.parse(round.cohort) as string[]

type Ended = Pick<RoundResult, 'state' | 'overall' | 'sites' | 'measurements'>
const endedRound = ({ clock }: Context, round: RoundRow, ended: Ended): RoundResult => ({
  round: round.number,
  ...ended,
  startedAt: new Date(round.started_at).toISOString(),
  endedAt: new Date(clock.now()).toISOString(),
})

type Measured = Extract<TaskResult, { kind: 'evaluate' }>

/** One site's part: whether it contributed, and what it measured. */
function roundSite(task: TaskRow, measured: Measured | undefined): RoundSite {
  const seconds = Math.max(0, (task.settled_at ?? task.issued_at) - task.issued_at) / 1000
  const result = resultOf(task)
  if (task.state === 'reported')
    return {
      site: task.site,
      state: 'contributed',
      n: measured?.figure?.patients ?? null,
      value: measured?.figure ? measured.figure.sum / measured.figure.records : null,
      seconds,
    }
  if (result?.kind === 'failed')
    return {
      site: task.site,
      state: result.refused ? 'refused' : 'failed',
      code: result.code,
      n: null,
      value: null,
      seconds,
    }
  return { site: task.site, state: 'late', n: null, value: null, seconds }
}

/** All sites together. There is no interval: one round's figure is watched, not reported. */
function overallOf(measured: readonly Measured[]): Estimate {
  const merged = mergeRoundFigures(measured.flatMap(({ figure }) => (figure === null ? [] : [figure])))
  return { value: merged?.value ?? null, low: null, high: null, n: merged?.patients ?? null }
}
