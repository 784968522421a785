/** One benchmark, as `npm run bench -- NAME` finds it: benchmarks/NAME/bench.ts exports `bench`, and main.ts has it in its list. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { WardroundError } from '@wardround/core/errors.ts'
import { benchWords } from './words.ts'

/** The options that were given, by name; flags that were not are absent. */
export type Given = Readonly<Record<string, string | boolean | undefined>>

export type Bench = {
  readonly about: string
  /** Beside --json and --help, which every benchmark has. */
  readonly options: ParseArgsOptionsConfig
  /** `note` takes progress, a line at a time. */
  run(given: Given, world: BenchWorld): Promise<Outcome>
}

export type Outcome = {
  /** With plain objects in `rows`. */
  readonly document: object
  readonly table: string
  /** A target of its own was not met: the command ends with 1. */
  readonly missed?: boolean
}

export type BenchWorld = { readonly signal: AbortSignal; readonly note: (line: string) => void }

export const text = (given: Given, name: string): string | undefined => {
  const value = given[name]
  return typeof value === 'string' ? value : undefined
}

/** `a,b` as two. */
export const list = (given: Given, name: string): string[] | undefined => text(given, name)?.split(',')

/** Errors: WR_USAGE where it is no whole number above 0. */
export const count = (given: Given, name: string): number | undefined => counts(given, name)?.[0]

/** `10,20` as two numbers. Errors: WR_USAGE. */
export const counts = (given: Given, name: string): number[] | undefined =>
  list(given, name)?.map((part) => {
    const value = Number(part)
    if (!Number.isInteger(value) || value < 1)
      throw new WardroundError('WR_USAGE', { problem: benchWords.noCount(name, part), command: 'bench' })
    return value
  })

/** Without what was not given. */
export const defined = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
