/** One side of the comparison: a process that has read a case and waits to be told how many steps to take. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import type { Asked, Told } from './ours.ts'

export type Command = readonly [program: string, ...args: string[]]
/** As a trainer's process is started (packages/site/src/training/lockdown.ts). */
const places = `--import=${import.meta.resolve('@wardround/site/training/places.ts')}`
export const ours: Command = [process.execPath, places, fileURLToPath(new URL('ours.ts', import.meta.url))]
export const theirs = (python: string): Command => [python, fileURLToPath(new URL('torch_side.py', import.meta.url))]

export type Side = {
  run(steps: number): Promise<Told>
  end(): Promise<void>
}

const toldSchema = z.object({ ms: z.number(), losses: z.array(z.number()), peakMb: z.number().nullable() })

/** Errors of run(): WR_INTERNAL where the process ends instead. */
export function startSide([program, ...args]: Command, asked: Asked): Side {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  // One that ends before it has read says so by its end.
  child.stdin.on('error', () => undefined)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  child.stdin.write(`${JSON.stringify(asked)}\n`)
  return {
    async run(steps) {
      child.stdin.write(`${steps}\n`)
      const { value, done } = await lines.next()
      if (done === true)
        throw new WardroundError('WR_INTERNAL', { what: `${args.at(-1)} ended with ${(await exit)[0]}` })
      return toldSchema.parse(JSON.parse(value))
    },
    async end() {
      child.stdin.end()
      await exit
    },
  }
}
