/** What this site has done of each study, as its journal tells: the journal is its only memory of that. */
import type { TaskKind } from '@wardround/core/protocol/task.ts'
import { z } from 'zod'
import type { JournalEntry } from './journal.ts'

const kinds = ['prepare', 'train', 'evaluate', 'finish'] as const satisfies readonly TaskKind[]

/** The result of a task that has left, or has begun to. */
export const releasedResultSchema = z.strictObject({
  task: z.string(),
  kind: z.enum(kinds),
  /** 0 before the first. */
  round: z.int(),
  /** Of the whole result, in however many pieces it left. */
  sha256: z.string(),
})
export type ReleasedResult = z.output<typeof releasedResultSchema>

/** The latest result of each kind. */
export type Progress = { readonly [K in TaskKind]?: ReleasedResult }

export type ProgressReader = {
  /** Takes an entry in, in order of the journal. */
  read(entry: JournalEntry): void
  of(study: string): Progress
  /** What has left of a task, or has begun to; its first result, which no other may follow. */
  released(study: string, task: string): ReleasedResult | undefined
  /** The last round before `round` whose training has left; 0 where there is none. */
  trainedBefore(study: string, round: number): number
}

export function progressReader(): ProgressReader {
  const studies = new Map<string, Progress>()
  const results = new Map<string, ReleasedResult>()
  const trained = new Map<string, Set<number>>()
  const name = (study: string, task: string): string => `${study}/${task}`
  return {
    read({ kind, body }) {
      const study = String(body.study)
      const before = studies.get(study) ?? {}
      const result = kind === 'released' ? releasedResultSchema.safeParse(body.result).data : undefined
      if (result === undefined) return
      const key = name(study, result.task)
      if (!results.has(key)) results.set(key, result)
      if (result.kind === 'train') trained.set(study, (trained.get(study) ?? new Set()).add(result.round))
      if ((before[result.kind]?.round ?? 0) <= result.round) studies.set(study, { ...before, [result.kind]: result })
    },
    trainedBefore: (study, round) =>
      [...(trained.get(study) ?? [])].reduce((last, each) => (each < round ? Math.max(last, each) : last), 0),
    released: (study, task) => results.get(name(study, task)),
    of: (study) => studies.get(study) ?? {},
  }
}
