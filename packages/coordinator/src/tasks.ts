/** Tasks as signed rows. */
import { collectingOf } from '@wardround/core/learning/collecting.ts'
import { canonicalJson, canonicalMembers, canonicalObject } from '@wardround/core/protocol/canonical.ts'
import type { NewEvent } from '@wardround/core/protocol/events.ts'
import { type Signed, sign } from '@wardround/core/protocol/signing.ts'
import { type Task, type TaskKind, type TaskResult, taskResultSchema } from '@wardround/core/protocol/task.ts'
import { durationMs, type Study } from '@wardround/core/study/study.ts'
import type { Context } from './context.ts'
import type { FormedTask, StudyRow, TaskRow } from './store/schema.ts'
import type { Tables } from './store/store.ts'
import { commonFacts, lifeSchema } from './task-document.ts'

/** Distributes over the union, so that each kind keeps its own fields. */
type Specific<T> = T extends unknown
  ? Omit<T, 'version' | 'id' | 'study' | 'planHash' | 'site' | 'issuedAt' | 'expiresAt'>
  : never
export type TaskContent = Specific<Task>

/** `<study>-<kind>-<number>-<site>`: making a task twice gives one row. */
export const taskId = (study: string, kind: TaskKind, { number, site }: { number: number; site: string }): string =>
  `${study}-${kind}-${number}-${site}`

export type Making = {
  readonly sites: readonly string[]
  /** The round, or the attempt. */
  readonly number: number
  readonly content: TaskContent
  /** What is said to one site alone. */
  readonly own?: (site: string) => Partial<TaskContent>
  readonly lifeMs: number
}

/** One signed task for each site, all of the same moment. */
export function makeTasks(
  { keys, clock }: Pick<Context, 'keys' | 'clock'>,
  study: StudyRow,
  { sites, number, content, own = () => ({}), lifeMs }: Making,
): TaskRow[] {
  const issuedAt = clock.steadyNow()
  const common = canonicalMembers({
    version: 1,
    study: study.id,
    planHash: study.plan_hash,
    issuedAt,
    expiresAt: issuedAt + lifeMs,
    ...content,
  })
  return sites.map((site): TaskRow => {
    const id = taskId(study.id, content.kind, { number, site })
    const document = canonicalObject({ ...common, ...canonicalMembers({ id, site, ...own(site) }) })
    const signature = sign(keys, 'wardround-task-v1', document)
    const empty = { result: null, settled_at: null, counted_in: null, bytes_up: 0, bytes_down: 0 }
    return {
      id,
      study: study.id,
      kind: content.kind,
      round: number,
      site,
      state: 'open',
      document,
      signature,
      issued_at: issuedAt,
      ...empty,
    }
  })
}

/** Writes tasks with their events; to be followed by wakeSites() after the commit. */
export async function assign(tables: Tables, rows: readonly TaskRow[]): Promise<void> {
  await tables.addTasks(rows)
  const assigned = rows.map(({ id, study, site, kind, round }): NewEvent => {
    return { kind: 'task.assigned', study, payload: { site, task: id, kind, round } }
  })
  await tables.event(...assigned)
}

export const wakeSites = ({ notifier }: Pick<Context, 'notifier'>, rows: readonly TaskRow[]): void =>
  notifier.wakeInTurn(rows.map(({ site }) => `site/${site}`))

export const resultOf = (task: TaskRow): TaskResult | undefined =>
  task.result === null ? undefined : taskResultSchema.parse(JSON.parse(task.result))

/** The result of a reported task of one kind. */
export function reported<K extends TaskResult['kind']>(
  tasks: readonly TaskRow[],
  kind: K,
): { site: string; result: Extract<TaskResult, { kind: K }>; task: TaskRow }[] {
  return tasks.flatMap((task) => {
    const result = task.state === 'reported' ? resultOf(task) : undefined
    return result?.kind === kind ? [{ site: task.site, result: result as Extract<TaskResult, { kind: K }>, task }] : []
  })
}

/**
 * When a deadline passes that gives `lifeMs`. One that another process set holds still, but nobody could report while no coordinator ran, and
 * its clock may have been another: what is left of it after a start is an hour at least (or all of it), and never more than the whole.
 */
export function dueAt(
  { clock, startedAt }: Pick<Context, 'clock' | 'startedAt'>,
  deadlineAt: number,
  lifeMs: number,
): number {
  const begun = deadlineAt - lifeMs
  if (begun >= startedAt && begun <= clock.steadyNow()) return deadlineAt
  return startedAt + Math.min(lifeMs, Math.max(leastAfterStartMs, deadlineAt - startedAt))
}

/** Sites that waited for a coordinator come back within a minute. */
const leastAfterStartMs = 3_600_000

/** A task that is still waited for, as it may be handed out now: one that would have expired, while no coordinator ran, is signed anew. */
export function freshTask({ keys, clock }: Pick<Context, 'keys' | 'clock'>, task: FormedTask): Signed {
  const { document, signature } = task
  const { expiresAt } = commonFacts(task)
  return expiresAt > clock.steadyNow() ? { document, signature } : signedAnew({ keys, clock }, document)
}

/** The same task from now on, for as long as it was given at first. */
export function signedAnew({ keys, clock }: Pick<Context, 'keys' | 'clock'>, document: string): Signed {
  const task = lifeSchema.parse(JSON.parse(document))
  const issuedAt = clock.steadyNow()
  const renewed = canonicalJson({ ...task, issuedAt, expiresAt: issuedAt + (task.expiresAt - task.issuedAt) })
  return { document: renewed, signature: sign(keys, 'wardround-task-v1', renewed) }
}

export type Standing = { readonly settled: boolean; readonly open: readonly TaskRow[] }

/** Whether there is anything left to wait for: all have settled, or as many as are wanted, or the deadline has passed. */
export function standing(
  tasks: readonly TaskRow[],
  { deadlineAt, now, goal }: { deadlineAt: number | null; now: number; goal?: number | undefined },
): Standing {
  const open = tasks.filter(({ state }) => state === 'open')
  const came = tasks.filter(({ state }) => state === 'reported').length
  const passed = deadlineAt !== null && now >= deadlineAt
  return {
    settled: open.length === 0 || passed || (goal !== undefined && came >= goal),
    open,
  }
}

/**
 * Closes tasks whose deadline has passed; their sites hear it, if they listen, or WR_TASK_CLOSED if they still come, and what they had begun to send is
 * dropped.
 */
export async function closeLate(
  { store, blobs, clock, notifier }: Pick<Context, 'store' | 'blobs' | 'clock' | 'notifier'>,
  tasks: readonly TaskRow[],
): Promise<void> {
  if (tasks.length === 0) return
  await store.transaction(async (tables) => {
    for (const { id } of tasks)
      await tables.settleTask(id, { state: 'late', result: null, counted_in: null, settled_at: clock.steadyNow() })
  })
  wakeSites({ notifier }, tasks)
  for (const { id } of tasks) await blobs.staged.discard(id)
}

/** The fewest sites a round may go on with. */
export const quorumOf = (study: Study, cohort: readonly string[]): number =>
  study.rounds.quorum ?? Math.min(cohort.length, collectingOf(study).goal ?? cohort.length)

export const deadlineMsOf = (study: Study): number => durationMs(study.rounds.deadline)
