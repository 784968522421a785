/** What a site that asks for work gets: its oldest open task, or, where it says what it is at work on, the oldest of another study, and which of those it need not go on with. */
import { type AtWork, atWorkHeader, atWorkIn } from '@wardround/core/protocol/at-work.ts'
import type { RouteAnswer } from '@wardround/core/protocol/routes.ts'
import type { Context } from './context.ts'
import { enclosing } from './enclosing.ts'
import type { Caller } from './handlers.ts'
import type { FormedTask } from './store/schema.ts'
import type { Store } from './store/store.ts'
import { freshTask } from './tasks.ts'

export type Asking = {
  readonly waitSeconds: number
  /** Who asks has just brought a result: of other tasks it hears when it asks for them. */
  readonly broughtResult?: boolean
}

type Found = { readonly task: FormedTask | undefined; readonly closed: readonly string[] }

export function nextTasks(context: Context) {
  const { store, notifier } = context
  const enclosedWith = enclosing(context)
  return async (caller: Caller, { waitSeconds, broughtResult = false }: Asking): Promise<RouteAnswer<'nextTask'>> => {
    const { name, headers, signal } = caller
    const atWork = atWorkOf(headers)
    const look = async (): Promise<Found | undefined> => {
      if (atWork !== undefined) return beside(await store.openTasksOfSite(name), { ...atWork, broughtResult })
      const task = await store.openTask(name)
      return task && { task, closed: [] }
    }
    const { task, closed = [] } =
      (await notifier.until(`site/${name}`, look, { waitMs: waitSeconds * 1000, signal })) ?? {}
    return {
      ...(task === undefined
        ? { task: null }
        : { task: freshTask(context, task), ...(await enclosedWith(task, caller)) }),
      ...(closed.length === 0 ? {} : { closed: [...closed] }),
    }
  }
}

/** What is no list of tasks says nothing: a result that came with it counts. */
function atWorkOf(headers: Caller['headers']): AtWork | undefined {
  const text = headers[atWorkHeader]
  return text === undefined ? undefined : atWorkIn(text)
}

/** undefined: nothing to say. */
function beside(
  open: Awaited<ReturnType<Store['openTasksOfSite']>>,
  { room, tasks, broughtResult }: AtWork & { readonly broughtResult: boolean },
): Found | undefined {
  const closed = broughtResult ? [] : tasks.filter((id) => open.every((task) => task.id !== id))
  const busy = new Set(open.filter(({ id }) => tasks.includes(id)).map(({ study }) => study))
  const free = room > 0 ? open.filter(({ study }) => !busy.has(study)) : []
  const [task] = free.toSorted((a, b) => a.issued_at - b.issued_at || (a.id < b.id ? -1 : 1))
  return task === undefined && closed.length === 0 ? undefined : { task, closed }
}
