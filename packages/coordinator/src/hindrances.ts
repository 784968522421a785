/** What sites say that keeps them from going on: said to the researcher once for each task, however often they say it. */
import type { Hindrance } from '@wardround/core/protocol/task.ts'
import type { Context } from './context.ts'

export function hindranceNotes({ store }: Pick<Context, 'store'>) {
  /** Site → the task that it is known to wait with. A restart forgets it, and it is said once more. */
  const known = new Map<string, string>()
  return {
    async note(site: string, waitingFor: Hindrance): Promise<void> {
      const task = await store.openTask(site)
      if (task === undefined || known.get(site) === task.id) return
      known.set(site, task.id)
      const { id, study, kind, round } = task
      const payload = { site, task: id, kind, round, waitingFor }
      await store
        .transaction((tables) => tables.event({ kind: 'task.waiting', study, payload }))
        .catch((error: unknown) => {
          known.delete(site)
          throw error
        })
    },
  }
}
