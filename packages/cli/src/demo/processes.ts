/** Coordinator and sites as processes of their own, ended by number when the demo ends, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Runtime } from '../runtime.ts'

export type Processes = {
  /** Starts `wardround …args`; stdout is ours to read, stderr goes to a file. */
  start(name: string, args: readonly string[], logFile: string): Started
  /** Rejects when a process that should be running ends. */
  readonly broken: Promise<never>
  end(): Promise<void>
}
export type Started = { readonly pid: number /** The first line on stdout. */; firstLine(): Promise<string> }

/** How long a process may take to end by itself. */
const graceMs = 3000

export function createProcesses({ self: [program, main], env }: Runtime): Processes {
  // Children start on what this process has compiled so far, from their first line on and in their trainers' processes too.
  flushCompileCache()
  const compiled = env.NODE_COMPILE_CACHE ?? getCompileCacheDir()
  const childEnv = { ...env, ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }) }
  const children = new Map<string, ChildProcess>()
  let ending = false
  let fail: (error: WardroundError) => void = () => undefined
  const broken = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Whoever waits for it hears of it; when nobody does, it is not an unhandled rejection.
  broken.catch(() => undefined)
  const start: Processes['start'] = (name, args, logFile) => {
    const log = openSync(logFile, 'w', 0o600)
    const child = spawn(program, [main, ...args], { stdio: ['ignore', 'pipe', log], env: childEnv })
    closeSync(log)
    children.set(name, child)
    child.on('exit', (code, signal) => {
      children.delete(name)
      if (!ending)
        fail(new WardroundError('WR_INTERNAL', { what: `${name} ended with ${code ?? signal}: ${lastLines(logFile)}` }))
    })
    return { pid: child.pid ?? 0, firstLine: () => firstLineOf(child) }
  }
  return {
    start,
    broken,
    async end() {
      ending = true
      const exits = [...children.values()].map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of children.values()) child.kill('SIGTERM')
      const timer = setTimeout(() => {
        for (const child of children.values()) child.kill('SIGKILL')
      }, graceMs)
      await Promise.all(exits)
      clearTimeout(timer)
    },
  }
}

function firstLineOf({ stdout }: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
  })
}

const lastLines = (path: string): string => readFileSync(path, 'utf8').trim().split('\n').slice(-3).join(' ')
