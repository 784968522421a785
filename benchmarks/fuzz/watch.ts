/** Runs a boundary's process and watches it: one that ends, or says nothing for long, is a finding too. */
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { type ChildReport, type ChildTask, heldLimitMb, reportSchema } from './child.ts'
import { fuzzWords } from './words.ts'

/** Nothing said for so long, on however busy a machine: the input in hand does not end. */
const silenceMs = 180_000
/** Of JavaScript's own memory; more and V8 ends the process. */
const heapLimitMb = 1024

const messageSchema = z.union([z.strictObject({ taken: z.int() }), z.strictObject({ report: reportSchema })])

/** undefined where it was interrupted. */
export async function watched(task: ChildTask, signal: AbortSignal): Promise<ChildReport | undefined> {
  mkdirSync(task.folder, { recursive: true })
  const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--expose-gc', `--max-old-space-size=${heapLimitMb}`],
    // Functions out of a cache would be covered as a whole only.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  let report: ChildReport | undefined
  let taken = 0
  let silent = false
  const timer = setInterval(() => {
    silent = true
    stop()
  }, silenceMs)
  child.on('message', (message) => {
    timer.refresh()
    const said = messageSchema.parse(message)
    if ('report' in said) report = said.report
    else taken = said.taken
  })
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve))
  clearInterval(timer)
  signal.removeEventListener('abort', stop)
  if (signal.aborted) return undefined
  if (report === undefined)
    return ended(task, { taken, why: silent ? fuzzWords.silent(silenceMs) : fuzzWords.ended(code) })
  if (report.heldMb <= heldLimitMb) return report
  const finding = { why: fuzzWords.held(report.heldMb, heldLimitMb), file: '' }
  return { ...report, findings: [...report.findings, finding] }
}

/** What can be said of a boundary whose process is gone. */
function ended({ boundary, seed, folder }: ChildTask, { taken, why }: { taken: number; why: string }): ChildReport {
  const current = join(folder, 'current')
  const file = join(folder, `${boundary.replaceAll('/', '-')}-${seed}-ended.txt`)
  if (existsSync(current)) renameSync(current, file)
  const nothing = {
    accepted: 0,
    refused: {},
    slowestMs: 0,
    peakMb: 0,
    heldMb: 0,
    corpus: 0,
    coveredBefore: 0,
    covered: 0,
    kept: '',
  }
  return { boundary, inputs: taken, ...nothing, findings: [{ why, file }] }
}
