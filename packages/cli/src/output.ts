/** How a command speaks: one JSON document on stdout with --json, sentences otherwise; errors as what, why, next. */
import { asWardroundError, type WardroundError } from '@wardround/core/errors.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import type { Runtime } from './runtime.ts'

export type CommonOptions = { readonly json?: boolean; readonly verbose?: boolean }

/** What a command found: data for scripts, lines for people. */
export type Outcome = {
  /** undefined where the document was shown already. */
  readonly data: unknown
  readonly lines: readonly string[] /** Other than 0 where the finding itself is a failure. */
  readonly exitCode?: number
}

export function show(runtime: Runtime, options: CommonOptions, { data, lines }: Outcome): void {
  if (options.json) {
    if (data !== undefined) runtime.stdout.write(`${JSON.stringify(data)}\n`)
  } else for (const line of lines) runtime.stdout.write(`${line}\n`)
}

/** Runs a command to its exit code. */
export async function runCommand(
  runtime: Runtime,
  options: CommonOptions,
  work: () => Promise<Outcome>,
): Promise<number> {
  try {
    const outcome = await work()
    show(runtime, options, outcome)
    return outcome.exitCode ?? 0
  } catch (error) {
    return showError(runtime, options, asWardroundError(error))
  }
}

export function showError(runtime: Runtime, options: CommonOptions, error: WardroundError): number {
  const { what, why, next } = error.sentences
  if (options.json) {
    const { code, parameters, retry } = error
    runtime.stdout.write(`${JSON.stringify({ error: { code, parameters, what, why, next, retry } })}\n`)
    return error.exitCode
  }
  const paragraphs = [
    `${error.code}: ${what}`,
    why,
    next === '' ? '' : cliWords.next(next),
    options.verbose === true ? causeOf(error) : '',
  ]
  runtime.stderr.write(`${paragraphs.filter((text) => text !== '').join('\n  ')}\n`)
  return error.exitCode
}

/** With --verbose: what lies behind, down to the first cause; never a stack for a person who did not ask. */
function causeOf(error: WardroundError): string {
  const causes: string[] = []
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) causes.push(cause.stack ?? cause.message)
  return causes.join('\n  ')
}
