/** Tasks that are given out once more, signed anew: the site does the same again, and gives the same bytes. */
import { blobRefSchema } from '@wardround/core/protocol/task.ts'
import type { AggregateInput } from './aggregate.ts'
import type { Context } from './context.ts'
import { countedTasks } from './inputs.ts'
import { isWhole, mend } from './mending.ts'
import { changeStudy } from './needed.ts'
import type { Running } from './running.ts'
import type { RoundRow, TaskRow } from './store/schema.ts'
import type { Tables } from './store/store.ts'
import { weightsOf } from './task-document.ts'
import { deadlineMsOf, reported, signedAnew, wakeSites } from './tasks.ts'

const renewed = (context: Context, { document }: TaskRow) => ({
  ...signedAnew(context, document),
  issued_at: context.clock.steadyNow(),
})

/**
 * Where what a site needs for its task is lost, it is not the site that is late: its time begins anew. false: it could have had everything.
 */
export async function postponed(
  context: Context,
  tasks: readonly TaskRow[],
  also: (tables: Tables) => Promise<void> = async () => undefined,
): Promise<boolean> {
  const needed = new Set(tasks.flatMap(({ document }) => weightsOf(document)))
  let lost = false
  for (const sha256 of needed) if ((await mend(context, { sha256 })) === 'lost') lost = true
  if (!lost) return false
  await context.store.transaction(async (tables) => {
    for (const task of tasks) await tables.updateTask(task.id, renewed(context, task))
    await also(tables)
  })
  wakeSites(context, tasks)
  return true
}

/**
 * After an aggregation that failed: what was damaged is made again, or asked for again at the sites that sent it. false: nothing was
 * damaged, or something is lost that nobody can give.
 */
export async function mendRound(
  context: Context,
  running: Running,
  { round, input: { weights, state, updates } }: { round: RoundRow; input: AggregateInput },
): Promise<boolean> {
  const states = Object.values(state ?? {}).map((ref) => blobRefSchema.parse(ref))
  const found = new Set<Awaited<ReturnType<typeof mend>>>()
  for (const ref of [weights, ...states]) found.add(await mend(context, ref))
  if (found.has('lost')) return false
  const damaged = new Set<string>()
  for (const { update } of updates) if (!(await isWhole(context.blobs, update))) damaged.add(update.sha256)
  if (damaged.size === 0) return found.has('made')
  const tasks = reported(await countedTasks(context, running, round), 'train').filter(({ result }) =>
    damaged.has(result.update.sha256),
  )
  await askAgain(context, running, { round, tasks: tasks.map(({ task }) => task) })
  return true
}

/** Opens tasks again whose updates are damaged; they go on counting in the round. */
async function askAgain(
  context: Context,
  { row, study }: Running,
  { round, tasks }: { round: RoundRow; tasks: readonly TaskRow[] },
): Promise<void> {
  await changeStudy(context, row.id, async (tables) => {
    for (const task of tasks) {
      const { id, site, kind } = task
      await tables.updateTask(id, { state: 'open', result: null, settled_at: null, ...renewed(context, task) })
      await tables.event({ kind: 'task.assigned', study: row.id, payload: { site, task: id, kind, round: task.round } })
      await tables.audit('update.damaged', { study: row.id, site, task: id })
    }
    await tables.updateRound(round, { deadline_at: context.clock.steadyNow() + deadlineMsOf(study) })
  })
  wakeSites(context, tasks)
}
