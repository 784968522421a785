/** Which tasks a site is at work on, each of another study; what it says of them when it asks for more, and when it asks. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import { atWorkText } from '@wardround/core/protocol/at-work.ts'

/** A task that is done sooner is not worth listening for. */
const listenAfterMs = 2000

/** A coordinator that has heard of a task's end answers whoever listens for it; one that has not within so long will not. */
const answerMs = 1000

type Job = {
  readonly id: string
  readonly sinceMs: number
  /** At the coordinator; it will not hear of this one again. */
  closed: boolean
}

/** A request that waits for what happens to these tasks, and for others. */
type Ear = { readonly told: ReadonlySet<string>; readonly over: AbortController; cut(): void }

export type Jobs = ReturnType<typeof createJobs>

export type JobsOptions = {
  readonly clock: Clock
  /** Tasks at the same time. Absent: one, which is not listened for. */
  readonly atOnce?: number | undefined
}

export function createJobs({ clock, atOnce }: JobsOptions) {
  /** By study. */
  const jobs = new Map<string, Job>()
  let ear: Ear | undefined
  let change = new AbortController()
  const changed = (): void => {
    change.abort('changed')
    change = new AbortController()
  }
  const cutUnanswered = async ({ over, cut }: Ear): Promise<void> => {
    await clock.sleep(answerMs, over.signal)
    if (!over.signal.aborted) cut()
  }
  const open = (): Job[] => [...jobs.values()].filter(({ id, closed }) => !closed && id !== '')
  const isWanted = (task: string): boolean => [...jobs.values()].every(({ id, closed }) => !closed || id !== task)
  /** When the first of them has been at work for long enough. */
  const listenAtMs = (): number =>
    atOnce === undefined ? Number.POSITIVE_INFINITY : Math.min(...open().map(({ sinceMs }) => sinceMs + listenAfterMs))
  return {
    /** For the head of a request, or of one of a study's own task, which asks for what comes after it; undefined where there is nothing to say. */
    text(asking?: string): string | undefined {
      const own = asking === undefined ? undefined : jobs.get(asking)
      const others = open().filter((job) => job !== own)
      if (atOnce === undefined || others.length === 0) return undefined
      const room = atOnce - jobs.size + (own === undefined ? 0 : 1)
      return atWorkText({ room, tasks: others.map(({ id }) => id) })
    },
    /** False where its study is at work already, or there is no room. */
    begin({ id, study }: { id: string; study: string }): boolean {
      if (jobs.has(study) || jobs.size >= (atOnce ?? 1)) return false
      jobs.set(study, { id, sinceMs: clock.steadyNow(), closed: false })
      changed()
      return true
    },
    end(study: string): void {
      const { id = '' } = jobs.get(study) ?? {}
      jobs.delete(study)
      const asked = ear
      // Its next task is not given to whoever says that it is at work on this one.
      if (asked?.told.has(id)) void cutUnanswered(asked)
      changed()
    },
    /** These are open no more. Whether any of them was thought to be. */
    hear(closed: readonly string[]): boolean {
      const news = open().filter(({ id }) => closed.includes(id))
      for (const job of news) job.closed = true
      return news.length > 0
    },
    isWanted,
    /** Errors: WR_TASK_CLOSED. */
    requireWanted(task: string): void {
      if (!isWanted(task)) throw new WardroundError('WR_TASK_CLOSED', { task })
    },
    /** Whether nobody else would hear of the next task: whoever brings a result may wait for it. */
    alone: (): boolean => jobs.size <= 1 && ear === undefined,
    /** Resolves when it is time to ask: nothing is at work, or something has been for a while. Until something changes, not within `pauseMs`. */
    async due(pauseMs: number): Promise<void> {
      const first = change
      const notBeforeMs = clock.steadyNow() + pauseMs
      while (jobs.size > 0) {
        const atMs = Math.max(listenAtMs(), change === first ? notBeforeMs : 0)
        const waitMs = atMs - clock.steadyNow()
        if (waitMs <= 0) return
        const { signal } = change
        if (waitMs < Number.POSITIVE_INFINITY) await clock.sleep(waitMs, signal)
        else await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      }
    },
    /** While somebody waits for an answer; `cut` is called where none will come. undefined: nothing is at work, and nobody need be. */
    listen(cut: () => void): { end(): void } | undefined {
      const told = new Set(open().map(({ id }) => id))
      if (told.size === 0) return undefined
      const own: Ear = { told, over: new AbortController(), cut }
      ear = own
      return {
        end() {
          own.over.abort('over')
          ear = undefined
        },
      }
    },
  }
}
