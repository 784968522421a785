/**
 * A study from start to end, as round.ts does it for a round: one switch over a persisted state, each function short, idempotent, and
 * committed before the next.
 *
 *     published → preparing → running (rounds) → finishing → ended
 *                     ↘ blocked (preflight; start again)
 */
import { mergeSurveys } from '@wardround/core/preparation/merge.ts'
import { type Finding, inputWidth, type Preparation } from '@wardround/core/preparation/schema.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import type { StopReason } from '@wardround/core/protocol/events.ts'
import { blobRefSchema } from '@wardround/core/protocol/task.ts'
import { postponed } from './again.ts'
import type { Context } from './context.ts'
import { putFirstWeights } from './first-weights.ts'
import { changeStudy } from './needed.ts'
import { assembleResults } from './results.ts'
import { advanceRound } from './round.ts'
import { activeSites, judgeStudy, type Running, runningOf, studyOf } from './running.ts'
import type { RoundRow, StudyRow, TaskRow } from './store/schema.ts'
import { assign, closeLate, deadlineMsOf, dueAt, makeTasks, quorumOf, reported, standing, wakeSites } from './tasks.ts'

/** Moves a study as far as it goes now. Safe to call at any time, any number of times, one call at a time. */
export async function advanceStudy(context: Context, id: string): Promise<void> {
  for (;;) {
    const row = await context.store.study(id)
    if (row === undefined || !(await advanceOnce(context, row))) return
  }
}

/** true: something changed, call again. */
async function advanceOnce(context: Context, row: StudyRow): Promise<boolean> {
  switch (row.state) {
    case 'preparing':
      return prepare(context, row)
    case 'running':
      return run(context, runningOf(row))
    case 'finishing':
      return finish(context, runningOf(row))
    case 'published':
    case 'blocked':
    case 'ended':
      return false
  }
}

/** When the next deadline of a study passes, if one is set. */
export async function nextDeadline(context: Context, id: string): Promise<number | undefined> {
  const { store } = context
  const row = await store.study(id)
  if (row === undefined) return undefined
  if (row.state === 'running') {
    const at = (await store.lastRound(row.id))?.deadline_at ?? undefined
    return at === undefined ? undefined : dueAt(context, at, deadlineMsOf(studyOf(row)))
  }
  if (row.state === 'preparing')
    return (await store.tasksOf(row.id, 'prepare', row.attempt))[0] && preparingDeadline(context, row)
  if (row.state === 'finishing') return finishingDeadline(context, row)
  return undefined
}

async function preparingDeadline(context: Context, row: StudyRow): Promise<number> {
  const [task] = await context.store.tasksOf(row.id, 'prepare', row.attempt)
  return dueFrom(context, task, deadlineMsOf(studyOf(row)))
}

/** Training alone takes as many rounds as the federation did, in one task. */
async function finishingDeadline(context: Context, row: StudyRow): Promise<number> {
  const tasks = await context.store.tasksOf(row.id, 'finish', row.best_round)
  const rounds = (await context.store.rounds(row.id)).length
  const latest = tasks.toSorted((a, b) => b.issued_at - a.issued_at)[0]
  return dueFrom(context, latest, deadlineMsOf(studyOf(row)) * Math.max(1, rounds))
}

const dueFrom = (context: Context, task: TaskRow | undefined, lifeMs: number): number =>
  dueAt(context, (task?.issued_at ?? context.clock.steadyNow()) + lifeMs, lifeMs)

/** Asks every site for its survey; merges them into the preparation, or stops where preflight found a fault. */
async function prepare(context: Context, row: StudyRow): Promise<boolean> {
  const { store, clock } = context
  const study = studyOf(row)
  const tasks = await store.tasksOf(row.id, 'prepare', row.attempt)
  if (tasks.length === 0) {
    const sites = await activeSites(context, row)
    if (sites.length === 0) return block(context, row, { findings: {}, tasks })
    const made = makeTasks(context, row, {
      sites,
      number: row.attempt,
      content: { kind: 'prepare', attempt: row.attempt },
      lifeMs: deadlineMsOf(study),
    })
    await store.transaction((tables) => assign(tables, made))
    wakeSites(context, made)
    return false
  }
  const { settled, open } = standing(tasks, {
    deadlineAt: await preparingDeadline(context, row),
    now: clock.steadyNow(),
  })
  if (!settled) return false
  await closeLate(context, open)
  return judgeSurveys(context, row, await store.tasksOf(row.id, 'prepare', row.attempt))
}

async function judgeSurveys(context: Context, row: StudyRow, tasks: readonly TaskRow[]): Promise<boolean> {
  const study = studyOf(row)
  const answered = reported(tasks, 'prepare')
  const asked = tasks.map(({ site }) => site)
  const surveys = Object.fromEntries(answered.map(({ site, result }) => [site, result.survey]))
  const { preparation, findings } =
    answered.length === 0 ? { preparation: undefined, findings: {} } : mergeSurveys(surveys, study)
  if (preparation === undefined || answered.length < Math.max(1, quorumOf(study, asked)))
    return block(context, row, { findings, tasks })
  return begin(context, row, { preparation, findings })
}

type Findings = Readonly<Record<string, readonly Finding[]>>

/** A fault in the data, or too few sites that answered: shown, mended, started again. */
async function block(
  context: Context,
  row: StudyRow,
  { findings, tasks }: { findings: Findings; tasks: readonly TaskRow[] },
): Promise<boolean> {
  const faulty = Object.entries(findings).filter(([, list]) => list.some(({ severity }) => severity === 'error'))
  const silent = tasks.filter(({ state }) => state !== 'reported').map(({ site }) => site)
  const sites = [...new Set([...faulty.map(([site]) => site), ...silent])].toSorted()
  await context.store.transaction(async (tables) => {
    await tables.updateStudy(row.id, { state: 'blocked', findings: JSON.stringify(findings) })
    await tables.event({ kind: 'study.blocked', study: row.id, payload: { sites } })
  })
  return false
}

/** Fixes the preparation and the first weights, and opens round 1. */
async function begin(
  context: Context,
  row: StudyRow,
  { preparation, findings }: { preparation: Preparation; findings: Findings },
): Promise<boolean> {
  const prepared = JSON.stringify(preparation)
  const hash = sha256Hex(canonicalJson(preparation))
  await context.blobs.hold(async (held) => {
    const weights = await putFirstWeights(held, { ...row, preparation: prepared })
    await context.store.transaction(async (tables) => {
      await tables.updateStudy(row.id, {
        state: 'running',
        preparation: prepared,
        preparation_hash: hash,
        findings: JSON.stringify(findings),
      })
      await tables.putRound(newRound(context, row.id, { number: 1, weights: JSON.stringify(weights) }))
      await tables.keepBlob(row.id, weights)
      await tables.event({
        kind: 'study.prepared',
        study: row.id,
        payload: { preparationHash: hash, inputs: inputWidth(preparation) },
      })
    })
  })
  return true
}

const newRound = (
  { clock }: Context,
  study: string,
  { number, weights }: { number: number; weights: string },
): RoundRow => ({
  study,
  number,
  phase: 'recruiting',
  cohort: '[]',
  weights_in: weights,
  weights_out: null,
  strategy_state: null,
  deadline_at: null,
  started_at: clock.now(),
  ended_at: null,
  value: null,
  result: null,
})

/** The current round; when it has ended, the next one or the end. */
async function run(context: Context, running: Running): Promise<boolean> {
  const { row } = running
  const round = await context.store.lastRound(row.id)
  if (round === undefined) return false
  if (await advanceRound(context, running, round)) return true
  if (round.phase === 'abandoned') return conclude(context, running, 'quorum lost')
  if (round.phase !== 'completed') return false
  if (row.stop_requested === 1) return conclude(context, running, 'stopped by a person')
  const { stop } = await judgeStudy(context, running)
  if (stop !== undefined) return conclude(context, running, stop)
  // The next one is stored with its tasks.
  const next = newRound(context, row.id, { number: round.number + 1, weights: round.weights_out ?? '' })
  return advanceRound(context, running, next)
}

/** Rounds are over: the final comparison, on the test patients, with the best round's weights. */
async function conclude(context: Context, running: Running, stoppedBecause: StopReason): Promise<boolean> {
  const { row } = running
  await closeLate(
    context,
    (await context.store.openTasks(row.id)).filter(({ kind }) => kind === 'train'),
  )
  await changeStudy(context, row.id, async (tables) => {
    await tables.updateStudy(row.id, { state: 'finishing', stopped_because: stoppedBecause })
    await tables.event({
      kind: 'study.finishing',
      study: row.id,
      payload: { bestRound: row.best_round, stoppedBecause },
    })
  })
  return true
}

/** Ends that the plan foresees: alone, too, training goes on until it has come to one of them. */
const ownRule: ReadonlySet<string> = new Set<StopReason>(['converged', 'maximum rounds'])

async function finish(context: Context, running: Running): Promise<boolean> {
  const { store, clock } = context
  const { row } = running
  const rounds = await store.rounds(row.id)
  const best = rounds.find(({ number, phase }) => number === row.best_round && phase === 'completed')
  const tasks = await store.tasksOf(row.id, 'finish', row.best_round)
  if (best?.weights_out && tasks.length === 0) {
    const sites = (await activeSites(context, row)).filter((site) =>
      (JSON.parse(best.cohort) as string[]).includes(site),
    )
    const content = {
      kind: 'finish' as const,
      ...running.prepared,
      maximumRounds: ownRule.has(row.stopped_because ?? '')
        ? running.study.rounds.maximum
        : rounds.filter(({ phase }) => phase === 'completed').length,
      round: row.best_round,
      weights: blobRefSchema.parse(JSON.parse(best.weights_out)),
    }
    const made = makeTasks(context, row, {
      sites,
      number: row.best_round,
      content,
      lifeMs: deadlineMsOf(running.study) * rounds.length,
    })
    if (made.length > 0) {
      await store.transaction((tables) => assign(tables, made))
      wakeSites(context, made)
      return false
    }
  }
  const { settled, open } = standing(tasks, {
    deadlineAt: await finishingDeadline(context, row),
    now: clock.steadyNow(),
  })
  if (!settled || (await postponed(context, open))) return false
  await closeLate(context, open)
  const results = await assembleResults(context, running)
  await changeStudy(context, row.id, async (tables) => {
    await tables.updateStudy(row.id, {
      state: 'ended',
      outcome: results.outcome,
      ended_at: clock.now(),
      results: JSON.stringify(results),
    })
    await tables.event({
      kind: 'study.ended',
      study: row.id,
      payload: { outcome: results.outcome, stoppedBecause: results.stoppedBecause },
    })
    await tables.audit('study.ended', { study: row.id, outcome: results.outcome, weightsSha256: results.weightsSha256 })
  })
  return false
}
