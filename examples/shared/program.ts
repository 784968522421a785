/** What the examples' programs have in common: options, a bed to run in, tables and errors. */
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import type { Bed } from './federation.ts'

export const usage = (problem: string): WardroundError =>
  new WardroundError('WR_USAGE', { problem, command: 'simulate' })

/** The known names that were asked for: all, or the one that was typed. Errors: WR_USAGE, with `unknown`. */
export function chosenOf<T extends string>(
  known: readonly T[],
  typed: string | undefined,
  unknown: string,
): readonly T[] {
  const chosen = known.filter((name) => typed === undefined || name === typed)
  if (chosen.length === 0) throw usage(unknown)
  return chosen
}

/** With a trainer of its own, until it is done or somebody stops it. */
export async function inBed<T>(work: (bed: Bed) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
  const trainer = createTrainer()
  try {
    return await work({ trainer, signal: interrupted.signal })
  } finally {
    await trainer.close()
  }
}

export function tableOf(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  const text = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
  return `${text.map((line) => line.trimEnd()).join('\n')}\n`
}

export async function runProgram(main: (args: string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    const { code, sentences, exitCode } = asWardroundError(error)
    process.stderr.write(`${code}: ${sentences.what}\n  ${sentences.why}\n  ${sentences.next}\n`)
    process.exitCode = exitCode
  }
}
