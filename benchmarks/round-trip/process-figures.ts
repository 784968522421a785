/** What Linux tells of a process; null where it does not: another system, or a process that has ended. */
import { readFileSync } from 'node:fs'

/** The most that it had in memory, in units of 10^6 bytes. */
export const peakMbOf = (pid: number): number | null => megabytes(pid, 'VmHWM')

/** The same, with the processes that it has started and that still run: a site with its trainer's. They are not at their peaks at the same time: it is no less than they had together. */
export function familyPeakMbOf(pid: number): number | null {
  const children = told(pid, `task/${pid}/children`)
    .split(' ')
    .filter((child) => child !== '')
  const peaks = [pid, ...children.map(Number)].map(peakMbOf)
  return peaks.includes(null) ? null : peaks.reduce<number>((sum, peak) => sum + (peak ?? 0), 0)
}

/** What it has in memory now, in the same units. */
export const residentMbOf = (pid: number): number | null => megabytes(pid, 'VmRSS')

function megabytes(pid: number, field: string): number | null {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(told(pid, 'status'))?.[1]
  return kilobytes === undefined ? null : (Number(kilobytes) * 1024) / 1e6
}

/** Linux counts in hundredths of a second, on every processor that Node runs on. */
const tickMs = 10

/** Processor time in milliseconds, of all its threads, in its own code and in the system's. */
export function cpuMsOf(pid: number): number | null {
  // proc(5): the name in brackets may hold anything; fields 14 and 15 are the 12th and 13th behind it.
  const fields = told(pid, 'stat').split(') ').at(-1)?.split(' ') ?? []
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isNaN(ticks) ? null : ticks * tickMs
}

/** Of several processes together. */
export function cpuMsOfAll(pids: readonly number[]): number | null {
  const each = pids.map(cpuMsOf)
  return each.includes(null) ? null : each.reduce<number>((sum, ms) => sum + (ms ?? 0), 0)
}

function told(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

export const highest = (values: readonly (number | null)[]): number | null =>
  values.reduce((most, value) => (value === null || (most !== null && most >= value) ? most : value), null)
