/** No blob is gone that somebody still needs; once a study has ended, and the coordinator has started anew, none is left that nobody does. */
import type { BlobStore } from '@wardround/coordinator/blobs/blob-store.ts'
import type { RoundRow, TaskRow } from '@wardround/coordinator/store/schema.ts'
import { collectingOf, latestOf } from '@wardround/core/learning/collecting.ts'
import { blobRefSchema, taskResultSchema, taskSchema } from '@wardround/core/protocol/task.ts'
import { type Check, must, type Seen } from './check.ts'

const sha256Of = (json: string | null | undefined): string[] =>
  typeof json === 'string' ? [blobRefSchema.parse(JSON.parse(json)).sha256] : []

/** What open tasks ask their sites to fetch. */
function fetched(tasks: readonly TaskRow[]): string[] {
  return tasks.flatMap(({ state, document }) => {
    const task = state === 'open' ? taskSchema.parse(JSON.parse(document)) : undefined
    if (task === undefined || task.kind === 'prepare') return []
    const common = task.kind === 'train' ? task.correction?.common : undefined
    return [task.weights.sha256, ...(common === undefined ? [] : [common.sha256])]
  })
}

/** What the round in progress starts from and comes to, and the updates that count in it, or may. */
function inProgress(round: RoundRow | undefined, { tasks, parsed }: Seen): string[] {
  if (round === undefined || round.phase === 'completed' || round.phase === 'abandoned') return []
  const latest = latestOf(collectingOf(parsed.study))
  const updates = tasks.flatMap((task) => {
    const counts = task.counted_in === round.number || (task.counted_in === null && task.round >= round.number - latest)
    const result =
      counts && task.state === 'reported' ? taskResultSchema.parse(JSON.parse(task.result ?? 'null')) : undefined
    return result?.kind === 'train' ? [result.update.sha256] : []
  })
  return [...sha256Of(round.weights_in), ...sha256Of(round.weights_out), ...updates]
}

/** First weights, and the best ones: what results and `model pull` are made from. */
const forEver = ({ study, rounds }: Seen): string[] => [
  ...sha256Of(rounds[0]?.weights_in),
  ...sha256Of(rounds.find(({ number, phase }) => number === study.best_round && phase === 'completed')?.weights_out),
]

export function neededBlobsStay(): Check {
  return async (seen) => {
    const { study, rounds, tasks, blobs } = seen
    const going = study.state === 'running' ? inProgress(rounds.at(-1), seen) : []
    for (const sha256 of new Set([...forEver(seen), ...fetched(tasks), ...going]))
      must(await blobs.has(sha256), 'kept', () => `${sha256} is gone, and is needed`)
  }
}

/** To be called when nothing goes on any more. */
export async function othersAreGone(seen: Seen): Promise<void> {
  const wanted = new Set(forEver(seen))
  for await (const sha256 of seen.blobs.list() satisfies ReturnType<BlobStore['list']>)
    must(wanted.has(sha256), 'kept', () => `${sha256} is there, and nobody needs it`)
  const staged = await seen.blobs.staged.list()
  must(staged.length === 0, 'kept', () => `uploads are left: ${staged.join(', ')}`)
}
