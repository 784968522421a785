/** What must be true at every moment of a storm: a list of checkers, each in a file of its own, none of which knows how the storm is made. */
import type { BlobStore } from '@wardround/coordinator/blobs/blob-store.ts'
import type { RoundRow, StudyRow, TaskRow } from '@wardround/coordinator/store/schema.ts'
import type { Store } from '@wardround/coordinator/store/store.ts'
import type { ParsedStudy } from '@wardround/core/protocol/plan.ts'

/** What is durable at the coordinator now. */
export type Seen = {
  readonly store: Store
  readonly blobs: BlobStore
  readonly study: StudyRow
  readonly rounds: readonly RoundRow[]
  readonly tasks: readonly TaskRow[]
  readonly parsed: ParsedStudy
}

/** Throws a Violation, or says nothing. */
export type Check = (seen: Seen) => Promise<void> | void

/** Something that must never be. */
export const violation = (check: string, problem: string): Error =>
  Object.assign(new Error(`${check}: ${problem}`), { check })

export function must(holds: boolean, check: string, problem: () => string): asserts holds {
  if (!holds) throw violation(check, problem())
}

/** As the coordinator's store has it; undefined until a study is there. */
export async function look(given: Pick<Seen, 'store' | 'blobs' | 'parsed'>): Promise<Seen | undefined> {
  const [study] = await given.store.studies()
  if (study === undefined) return undefined
  const rounds = await given.store.rounds(study.id)
  const tasks = await given.store.studyTasks(study.id)
  return { ...given, study, rounds, tasks }
}
