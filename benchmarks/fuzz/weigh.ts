/** Gives inputs to a boundary one by one, each in a process of its own (alone.ts), and says what the largest needed. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Alone, aloneSchema } from './alone.ts'
import type { Boundary, Bytes } from './boundary.ts'
import { writeInputs } from './inputs.ts'
import { fuzzWords } from './words.ts'

export type Weighed = {
  readonly inputs: number
  /** The most of any. */
  readonly megabytes: number
  /** The longest until a refusal. */
  readonly ms: number
  /** Inputs that needed more than they may, or did not come back. */
  readonly findings: readonly { readonly why: string; readonly input: Bytes }[]
}

/** Or the exit code, where the process ended without a word. */
async function weighOne(
  boundary: string,
  file: string,
  index: number,
): Promise<Alone | { readonly ended: number | null }> {
  const child = fork(fileURLToPath(new URL('alone.ts', import.meta.url)), [boundary, file, String(index)], {
    execArgv: ['--expose-gc'],
    // Whoever gives it the input again sees what it says.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  let said: Alone | undefined
  child.on('message', (message) => {
    said = aloneSchema.parse(message)
  })
  const ended = await new Promise<number | null>((resolve) => child.on('exit', resolve))
  return said ?? { ended }
}

type Weighing = { readonly inputs: readonly Bytes[]; readonly folder: string; readonly signal: AbortSignal }

/** undefined where the boundary says nothing of single inputs. */
export async function weighed(
  { name, alone, codes }: Boundary,
  { inputs, folder, signal }: Weighing,
): Promise<Weighed | undefined> {
  if (alone === undefined) return undefined
  const file = join(folder, `${name}-alone.txt`)
  writeInputs(file, inputs)
  const allowed: readonly string[] = ['accepted', ...codes]
  const most = { megabytes: 0, ms: 0 }
  const findings: { why: string; input: Bytes }[] = []
  const weigh = async (index: number): Promise<string | undefined> => {
    const one = await weighOne(name, file, index)
    if ('ended' in one) return fuzzWords.ended(one.ended)
    most.megabytes = Math.max(most.megabytes, one.megabytes)
    if (one.outcome !== 'accepted') most.ms = Math.max(most.ms, one.ms)
    if (!allowed.includes(one.outcome)) return fuzzWords.unpromised(one.outcome)
    const isLate = one.outcome !== 'accepted' && one.ms > alone.ms
    return one.megabytes > alone.megabytes || isLate ? fuzzWords.tooMuch(one, alone) : undefined
  }
  for (const [index, input] of inputs.entries()) {
    if (signal.aborted) return undefined
    // A machine can have other things to do: what is too much is too much again.
    const why = (await weigh(index)) === undefined ? undefined : await weigh(index)
    if (why !== undefined) findings.push({ why, input })
  }
  return { inputs: inputs.length, ...most, findings }
}
