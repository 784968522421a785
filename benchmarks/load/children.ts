/** Processes of the load, which are told things and tell things: each a program beside this file. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import type { z } from 'zod'

export type Child = {
  readonly pid: number
  tell(message: object): void
  /** The next thing that it says. Errors: WR_INTERNAL where it ends instead, or says something else. */
  hear<T>(form: z.ZodType<T>): Promise<T>
  end(): Promise<void>
}

/** Its stderr goes to `logFile`. */
export function startChild(program: string, logFile: string): Child {
  const log = openSync(logFile, 'w', 0o600)
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), { stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new WardroundError('WR_INTERNAL', { what: `${program} ended with ${code ?? signal}: see ${logFile}` })
  })
  // Heard by whoever waits for an answer.
  ended.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    tell: (message) => void child.send(message),
    async hear(form) {
      const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown]
      return form.parse(message)
    },
    end: () => ending(child),
  }
}

async function ending(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

/** The other end, in such a process: the next thing that it is told. */
export async function toldNext<T>(form: z.ZodType<T>): Promise<T> {
  return form.parse((await once(process, 'message'))[0])
}

export const say = (message: object): void => void process.send?.(message)
