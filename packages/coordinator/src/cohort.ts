/** Which task of each site belongs to a round: the round's own, or, where a study takes late updates, an earlier one that is still on its way. */
import { type Collecting, collectingOf, latestOf } from '@wardround/core/learning/collecting.ts'
import type { Context } from './context.ts'
import type { Running } from './running.ts'
import type { RoundRow, TaskRow } from './store/schema.ts'

export const cohortOf = (round: RoundRow): string[] => JSON.parse(round.cohort) as string[]

/** Not settled, or settled and counted in no round yet. */
export const isUnderWay = ({ state, counted_in }: TaskRow): boolean =>
  state === 'open' || (state === 'reported' && counted_in === null)

/** Tasks of this round, and of those before it whose updates may still count in it. */
const tasksFor = ({ store }: Pick<Context, 'store'>, { row, study }: Running, round: number): Promise<TaskRow[]> =>
  store.trainTasks(row.id, { from: Math.max(1, round - latestOf(collectingOf(study))), to: round })

/**
 * The task by which each site of the cohort takes part, in order of site name: the one that counted in this round, else the one
 * under way, else its latest.
 */
export async function partsOf(context: Pick<Context, 'store'>, running: Running, round: RoundRow): Promise<TaskRow[]> {
  const rank = (task: TaskRow): number => (task.counted_in === round.number ? 2 : isUnderWay(task) ? 1 : 0)
  const cohort = new Set(cohortOf(round))
  const parts = new Map<string, TaskRow>()
  for (const task of await tasksFor(context, running, round.number)) {
    const known = parts.get(task.site)
    // Of the same site in order of round: of equal rank the later one.
    if (cohort.has(task.site) && (known === undefined || rank(task) >= rank(known))) parts.set(task.site, task)
  }
  return [...parts.values()]
}

export type Underway = { readonly working: ReadonlySet<string>; readonly tooLate: readonly TaskRow[] }

/** At the start of a round: who goes on with an earlier task, and which tasks have become too old to count. */
export async function underway(
  { store }: Pick<Context, 'store'>,
  { row, study }: Running,
  round: number,
): Promise<Underway> {
  const latest = latestOf(collectingOf(study))
  if (latest === 0) return { working: new Set(), tooLate: [] }
  const tasks = await store.trainTasks(row.id, { from: Math.max(1, round - latest - 1), to: round - 1 })
  const inTime = ({ round: started }: TaskRow): boolean => round - started <= latest
  return {
    working: new Set(tasks.filter((task) => isUnderWay(task) && inTime(task)).map(({ site }) => site)),
    tooLate: tasks.filter((task) => task.state === 'open' && !inTime(task)),
  }
}

/** How long a task may take: as many deadlines as there are rounds that its update may count in. */
export const trainLifeMs = (collecting: Collecting, deadlineMs: number): number =>
  deadlineMs * (1 + latestOf(collecting))
