/** All processes that descend from a command, daemons included, as Linux tells of them in /proc. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** `startedAt` in clock ticks: with the process id it names one process for good, as ids are used again. */
export type Process = {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly startedAt: string
  readonly rssBytes: number
}

const pageBytes = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }))

/** undefined where there is no such process any more, or not ours to look at: /proc changes while one reads it. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined
    throw error
  }
}

/** One line of /proc/PID/stat (proc_pid_stat(5)). The name in brackets may itself hold spaces and brackets. */
export function parseStat(line: string): Process | undefined {
  const nameEnd = line.lastIndexOf(')')
  const pid = Number.parseInt(line, 10)
  const fields = line.slice(nameEnd + 2).split(' ')
  const [state, parent, , session] = fields
  const startedAt = fields[19]
  const pages = Number(fields[21])
  if (nameEnd < 0 || Number.isNaN(pid) || startedAt === undefined || Number.isNaN(pages)) return undefined
  // A dead process that nobody has waited for holds nothing and runs nothing.
  if (state === 'Z' || state === 'X') return undefined
  return { pid, parent: Number(parent), session: Number(session), startedAt, rssBytes: pages * pageBytes }
}

/** Proportional set size: shared pages divided among those who share them. Its RSS where the kernel does not say. */
export function pssBytes(process: Process): number {
  const text = readProc(process.pid, 'smaps_rollup')
  const kibibytes = text === undefined ? undefined : /^Pss:\s+(\d+) kB$/m.exec(text)?.[1]
  return kibibytes === undefined ? process.rssBytes : Number(kibibytes) * 1024
}

function allProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parseStat(readProc(Number(name), 'stat') ?? '') ?? [])
}

const keyOf = ({ pid, startedAt }: Process): string => `${pid}:${startedAt}`

/**
 * Follows a command by three marks, since daemons leave their parents and servers rewrite their environment: a member's child,
 * a process of a session that a member leads, or one that carries `marker` (NAME=value) in its environment.
 */
export function followTree(rootPid: number, marker: string): { living(): Process[] } {
  const members = new Set<string>()
  const sessions = new Set<number>([rootPid])
  const looked = new Set<string>()
  const carriesMarker = (process: Process): boolean => {
    if (looked.has(keyOf(process))) return false
    looked.add(keyOf(process))
    return readProc(process.pid, 'environ')?.split('\0').includes(marker) === true
  }
  return {
    living() {
      const processes = allProcesses()
      const byPid = new Map(processes.map((process) => [process.pid, process]))
      const joins = (process: Process): boolean => {
        const parent = byPid.get(process.parent)
        return (
          process.pid === rootPid ||
          sessions.has(process.session) ||
          (parent !== undefined && members.has(keyOf(parent))) ||
          carriesMarker(process)
        )
      }
      // A child may be listed before its parent: look until nobody joins.
      for (let grown = true; grown; ) {
        grown = false
        for (const process of processes) {
          if (members.has(keyOf(process)) || !joins(process)) continue
          members.add(keyOf(process))
          if (process.session === process.pid) sessions.add(process.session)
          grown = true
        }
      }
      return processes.filter((process) => members.has(keyOf(process)))
    },
  }
}
