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

/** The latest result of each kind, and whether the coordinator has thanked for it. */
export type Progress = { readonly [K in TaskKind]?: ReleasedResult & { readonly thanked: boolean } }

export type ProgressReader = {
  /** Takes an entry in, in order of the journal. */
  read(entry: JournalEntry): void
  of(study: string): Progress
}

export function progressReader(): ProgressReader {
  const studies = new Map<string, Progress>()
  return {
    read({ kind, body }) {
      const study = String(body.study)
      const before = studies.get(study) ?? {}
      if (kind === 'thanked') {
        for (const result of Object.values(before))
          if (result.task === body.task) studies.set(study, { ...before, [result.kind]: { ...result, thanked: true } })
        return
      }
      const result = kind === 'released' ? releasedResultSchema.safeParse(body.result).data : undefined
      if (result === undefined || (before[result.kind]?.round ?? 0) > result.round) return
      studies.set(study, { ...before, [result.kind]: { ...result, thanked: false } })
    },
    of: (study) => studies.get(study) ?? {},
  }
}
