/** Runs a command and measures it from outside: time to its result, memory of all its processes, traffic on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { followTree, type Process, pssBytes } from './process-tree.ts'

export type Command = {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The command's time ends where it has written this file (renamed into place), or ends without it. */
  readonly resultFile: string
  /** Takes stdout and stderr. */
  readonly logFile: string
  readonly limitSeconds: number
  readonly signal?: AbortSignal
}

export type Measured = {
  /** null: ended by a signal. */
  readonly exitCode: number | null
  readonly end: 'ended' | 'timed out' | 'interrupted'
  readonly hasResult: boolean
  readonly seconds: number
  /** Highest sums over all processes: proportional set size and resident set size, in units of 10^6 bytes. */
  readonly peakMb: number
  readonly peakRssMb: number
  /** Bytes received on the loopback interface meanwhile, by all programs of the machine. */
  readonly bytes: number
}

const sampleMs = 100
/** How long a command may go on after its result, to stop its daemons; and how long a daemon may take over SIGTERM. */
const shutdownMs = 60_000
const termMs = 5_000

/** Ends every process it started, whatever happens. */
export async function measure(command: Command): Promise<Measured> {
  const marker = `PEERS_RUN=${randomUUID()}`
  const log = openSync(command.logFile, 'w')
  const bytesBefore = loopbackBytes()
  const startedAt = Date.now()
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: { ...command.env, PEERS_RUN: marker.slice('PEERS_RUN='.length) },
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const exit = exitOf(child)
  const tree = followTree(child.pid ?? -1, marker)
  const memory = memoryPeaks()
  try {
    const end = await watch(command, { startedAt, exit, sample: () => memory.add(tree.living()) })
    return { ...end, ...memory.peaks(), bytes: end.bytesAfter - bytesBefore }
  } finally {
    await endAll(() => tree.living())
  }
}

type Exit = { readonly done: () => boolean; readonly code: () => number | null }

function exitOf(child: ChildProcess): Exit {
  let state: { code: number | null } | undefined
  child.on('exit', (code) => {
    state = { code }
  })
  // A program that cannot be started has no exit.
  child.on('error', () => {
    state = { code: 127 }
  })
  return { done: () => state !== undefined, code: () => state?.code ?? null }
}

type Watch = { readonly startedAt: number; readonly exit: Exit; readonly sample: () => void }

async function watch(
  { resultFile, limitSeconds, signal }: Command,
  { startedAt, exit, sample }: Watch,
): Promise<Pick<Measured, 'exitCode' | 'end' | 'hasResult' | 'seconds'> & { readonly bytesAfter: number }> {
  let result: { readonly at: number; readonly bytesAfter: number } | undefined
  const outcome = (end: Measured['end']) => ({
    exitCode: exit.code(),
    end,
    hasResult: result !== undefined,
    seconds: ((result?.at ?? Date.now()) - startedAt) / 1000,
    bytesAfter: result?.bytesAfter ?? loopbackBytes(),
  })
  while (true) {
    const over = exit.done()
    sample()
    if (result === undefined) {
      const at = modifiedAt(resultFile)
      if (at !== undefined) result = { at, bytesAfter: loopbackBytes() }
    }
    const now = Date.now()
    if (over || (result !== undefined && now - result.at > shutdownMs)) return outcome('ended')
    if (signal?.aborted === true) return outcome('interrupted')
    if (now - startedAt > limitSeconds * 1000) return outcome('timed out')
    await sleep(sampleMs)
  }
}

/**
 * PSS costs the kernel a walk over a process's pages, and ten processes on two cores would feel it ten times a second. So it is
 * read where the cheap RSS says that memory has grown, and once a second besides.
 */
function memoryPeaks() {
  let [pss, rss, rssAtReading, readAt] = [0, 0, 0, 0]
  return {
    add(processes: readonly Process[]): void {
      const rssNow = processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0)
      rss = Math.max(rss, rssNow)
      if (rssNow < 1.02 * rssAtReading && Date.now() - readAt < 1000) return
      ;[rssAtReading, readAt] = [rssNow, Date.now()]
      pss = Math.max(
        pss,
        processes.reduce((sum, process) => sum + pssBytes(process), 0),
      )
    },
    peaks: () => ({ peakMb: pss / 1e6, peakRssMb: rss / 1e6 }),
  }
}

/** SIGTERM, and SIGKILL for what is still there after five seconds; by process id, to members of the tree only. */
async function endAll(living: () => readonly Process[]): Promise<void> {
  const startedAt = Date.now()
  for (let left = living(); left.length > 0; left = living()) {
    const waited = Date.now() - startedAt
    if (waited > 2 * termMs) return
    if (waited < sampleMs || waited > termMs)
      for (const { pid } of left) send(pid, waited > termMs ? 'SIGKILL' : 'SIGTERM')
    await sleep(sampleMs)
  }
}

/** It may have ended in the meantime. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

const modifiedAt = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs

/** Received bytes of `lo` in /proc/net/dev: what is sent there is received there, so each byte counts once. */
export function loopbackBytes(text = readFileSync('/proc/net/dev', 'utf8')): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(text)?.[1] ?? 0)
}
