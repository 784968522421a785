/** Work one after another, in the order in which it was asked for. */
import { WardroundError } from '@wardround/core/errors.ts'

type Job = { start(): Promise<void>; fail(error: WardroundError): void }

export type WaitingLine = {
  /** Errors: those of the work; WR_CANCELLED where `signal` came before its turn. */
  wait<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Whoever has not had a turn has none. */
  fail(error: WardroundError): void
}

/** `idle` is called with true when nothing is left to do, with false when there is something again. */
export function waitingLine(idle: (is: boolean) => void): WaitingLine {
  let jobs: Job[] = []
  let working = false
  const work = async (): Promise<void> => {
    if (working) return
    working = true
    idle(false)
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job.start()
    working = false
    idle(true)
  }
  return {
    wait<T>(task: () => Promise<T>, signal?: AbortSignal) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const cancelled = (): void => {
        jobs = jobs.filter((other) => other !== job)
        reject(new WardroundError('WR_CANCELLED'))
      }
      const job: Job = {
        async start() {
          signal?.removeEventListener('abort', cancelled)
          await task().then((value) => resolve(value), reject)
        },
        fail: reject,
      }
      signal?.addEventListener('abort', cancelled, { once: true })
      jobs.push(job)
      void work()
      return promise
    },
    fail(error) {
      for (const job of jobs) job.fail(error)
      jobs = []
    },
  }
}
