/** `npm run bench -- engine --profile`: where the time of our steps goes, by operator, as ONNX Runtime tells it. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import { type Case, cases } from './cases.ts'
import type { Files } from './data.ts'
import { withFiles } from './engine.ts'
import { ours, startSide } from './side.ts'
import { engineWords } from './words.ts'

export type ProfileOptions = {
  /** By name. */
  readonly cases?: readonly string[]
  readonly signal: AbortSignal
  readonly note: (line: string) => void
}

export type ProfileRow = {
  readonly case: string
  readonly operator: string
  /** Of a step, without what is inside of it (a `Scan` has a graph of its own). */
  readonly ms: number
  /** Of all operators' time. */
  readonly share: number
}

/** What an operator took, in microseconds. */
export type Event = { readonly operator: string; readonly from: number; readonly length: number }

const eventsSchema = z.array(
  z.looseObject({
    cat: z.string().optional(),
    name: z.string(),
    ts: z.number(),
    dur: z.number().default(0),
    args: z.looseObject({ op_name: z.string().optional() }).default({}),
  }),
)

export const eventsIn = (text: string): readonly Event[] =>
  eventsSchema
    .parse(JSON.parse(text))
    .flatMap(({ cat, name, ts, dur, args: { op_name: operator } }) =>
      cat === 'Node' && name.endsWith('_kernel_time') && operator !== undefined
        ? [{ operator, from: ts, length: dur }]
        : [],
    )

/** Of one thread, where an operator's events lie within those of the one that has them in its graph: by operator, the time that is its own, the longest first. */
export function ownTimes(events: readonly Event[]): readonly (readonly [operator: string, microseconds: number])[] {
  const times = new Map<string, number>()
  const add = (operator: string, length: number): void => void times.set(operator, (times.get(operator) ?? 0) + length)
  const around: Event[] = []
  for (const event of events.toSorted((a, b) => a.from - b.from || b.length - a.length)) {
    while (around.length > 0 && endOf(around.at(-1)) <= event.from) around.pop()
    const outer = around.at(-1)
    if (outer !== undefined) add(outer.operator, -event.length)
    add(event.operator, event.length)
    around.push(event)
  }
  return [...times].toSorted(([, a], [, b]) => b - a)
}

const endOf = (event: Event | undefined): number => (event === undefined ? 0 : event.from + event.length)

/** Times are those of steps that are watched, which takes some itself. Errors: WR_INTERNAL where there is no profile. */
export async function engineProfile({ cases: names, signal, note }: ProfileOptions): Promise<readonly ProfileRow[]> {
  const rows: ProfileRow[] = []
  for (const one of cases.filter(({ name }) => names?.includes(name) ?? true)) {
    if (signal.aborted) break
    rows.push(...(await withFiles(one, (files) => profileOf(one, files))))
    note(engineWords.profiled(one.name))
  }
  return rows
}

async function profileOf({ target: _, ...one }: Case, files: Files): Promise<readonly ProfileRow[]> {
  const profile = join(dirname(files.weights), 'profile')
  const side = startSide(ours, { ...one, files, threads: 1, profile })
  await side.run(one.steps)
  await side.end()
  const written = readdirSync(dirname(profile)).find((name) => name.startsWith(basename(profile)))
  if (written === undefined) throw new WardroundError('WR_INTERNAL', { what: engineWords.noProfile(one.name) })
  const times = ownTimes(eventsIn(readFileSync(join(dirname(profile), written), 'utf8')))
  const all = times.reduce((sum, [, length]) => sum + length, 0)
  return times.map(([operator, length]) => ({
    case: one.name,
    operator,
    ms: length / 1000 / one.steps,
    share: length / all,
  }))
}
