/**
 * One input in a process of its own: the time that it takes, and the memory at its peak beyond what the process had before, which had read a harmless input by then. Arguments: the boundary, a
 * file of inputs, and which of them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import type { Boundary, Bytes, Outcome } from './boundary.ts'
import { readInputs } from './inputs.ts'

export const aloneSchema = z.strictObject({ outcome: z.string(), ms: z.number(), megabytes: z.number() })
export type Alone = z.output<typeof aloneSchema>

/** Of this process, in MB; `VmRSS` is now, `VmHWM` the most since reset. */
function residentMb(which: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`${which}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kilobytes) * 1.024e-3
}

/** Starts a peak at what there is now; what it is then. Elsewhere than on Linux the peak is of the whole process, which can only be more. */
function startPeak(): { readonly before: number; readonly peak: () => number } {
  try {
    // proc(5): 5 resets the peak of the resident set.
    writeFileSync('/proc/self/clear_refs', '5')
    const before = residentMb('VmRSS')
    return { before, peak: () => residentMb('VmHWM') }
  } catch {
    return { before: process.memoryUsage.rss() / 1e6, peak: () => process.resourceUsage().maxRSS * 1.024e-3 }
  }
}

async function outcomeOf(boundary: Boundary, input: Bytes): Promise<Outcome> {
  const session = await boundary.open()
  try {
    return await session.take(input)
  } catch (error) {
    if (error instanceof WardroundError) return error.code
    throw error
  } finally {
    await session.close()
  }
}

/** The thread's own work: what else the machine does is no fault of an input. */
const ownMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function measured(boundary: Boundary, input: Bytes): Promise<Alone> {
  const [harmless] = boundary.seeds
  if (harmless !== undefined) await outcomeOf(boundary, harmless)
  globalThis.gc?.()
  const { before, peak } = startPeak()
  const started = ownMs()
  const outcome = await outcomeOf(boundary, input)
  const ms = ownMs() - started
  return { outcome, ms, megabytes: Math.max(0, peak() - before) }
}

if (import.meta.main) {
  const [name, file = '', index] = process.argv.slice(2)
  const { modelFiles } = await import('./boundaries/model-files.ts')
  const boundary = modelFiles.find((one) => one.name === name)
  const input = readInputs(file)[Number(index)]
  if (boundary === undefined || input === undefined) throw new TypeError(`There is no input ${index} for ${name}.`)
  process.send?.(await measured(boundary, input), () => process.exit(0))
}
