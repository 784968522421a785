/**
 * Which blobs a study still needs, told by its rows alone. Everything else of it may go; its digest stays in the rows, the events and the
 * audit. Kept are:
 *
 *     the weights that were handed in with the plan, from when they have come         for sites, for what is frozen or personal, and to
 *                                                                                     make the first ones again
 *     the weights that the first round started from, and those of the best round      for results, `model pull` and an archive
 *     of the last completed round: what it started from and what it came to, and      for sites that are late with it, and for
 *     the state of its strategy                                                       the next round
 *     of the round in progress: what it starts from, what it came to, and its         to aggregate them, and to do so again where
 *     updates, until it has ended                                                     the new weights are damaged before that
 *     where late updates count: those that have not counted yet, and what sites       for the rounds in which they will count
 *     are still training from
 */
import { collectingOf, latestOf } from '@wardround/core/learning/collecting.ts'
import { type BlobRef, blobRefSchema, taskResultSchema } from '@wardround/core/protocol/task.ts'
import type { Context } from './context.ts'
import { givenWeights } from './first-weights.ts'
import { studyOf } from './running.ts'
import type { RoundRow, StudyRow } from './store/schema.ts'
import type { Tables } from './store/store.ts'

type Reading = Pick<
  Tables,
  'study' | 'round' | 'lastRound' | 'completedBefore' | 'openRounds' | 'resultsFor' | 'blobRefs'
>

/** As the rows that `tables` sees have it. */
export async function neededBlobs(tables: Reading, study: string): Promise<BlobRef[]> {
  const row = await tables.study(study)
  const last = await tables.lastRound(study)
  if (row === undefined) return []
  const given = await givenBlobs(tables, row)
  if (last === undefined) return given
  const first = await tables.round(study, 1)
  const best = await tables.round(study, row.best_round)
  const result = [...given, ...refsIn(first?.weights_in), ...refsIn(best?.weights_out)]
  if (row.state === 'ended') return result
  const completed = await tables.completedBefore(study, last.phase === 'completed' ? last.number + 1 : last.number)
  return [
    ...result,
    ...weightsOf(completed),
    ...refsIn(completed?.strategy_state),
    ...weightsOf(last),
    ...(isGoing(last) ? refsIn(last.strategy_state) : []),
    ...(row.state === 'running' ? await ofTraining(tables, row, last) : []),
  ]
}

/** What was handed in with the plan, once it has come: that its row is there says so. */
async function givenBlobs(tables: Reading, row: StudyRow): Promise<BlobRef[]> {
  const given = givenWeights(studyOf(row))
  if (given === undefined) return []
  return (await tables.blobRefs(row.id)).some(({ sha256 }) => sha256 === given.sha256) ? [given] : []
}

const isGoing = ({ phase }: RoundRow): boolean => phase !== 'completed' && phase !== 'abandoned'

const weightsOf = (round: RoundRow | undefined): BlobRef[] => [
  ...refsIn(round?.weights_in),
  ...refsIn(round?.weights_out),
]

/** Updates that count in the round in progress, or may count in it or a later one; and what is being trained from. */
async function ofTraining(tables: Reading, row: StudyRow, last: RoundRow): Promise<BlobRef[]> {
  const latest = latestOf(collectingOf(studyOf(row)))
  const round = isGoing(last) ? last.number : last.number + 1
  const results = await tables.resultsFor(row.id, { from: round - latest, round })
  const updates = results.flatMap((text) => {
    const result = taskResultSchema.parse(JSON.parse(text))
    return result.kind === 'train' ? [result.update] : []
  })
  if (latest === 0) return updates
  const starts = await Promise.all((await tables.openRounds(row.id)).map((number) => tables.round(row.id, number)))
  return [...updates, ...starts.flatMap((started) => refsIn(started?.weights_in))]
}

/** A blob, or several by name, as a row has them. */
function refsIn(text: string | null | undefined): BlobRef[] {
  const value: unknown = JSON.parse(text ?? 'null')
  if (typeof value !== 'object' || value === null) return []
  return ('sha256' in value ? [value] : Object.values(value)).map((ref) => blobRefSchema.parse(ref))
}

/**
 * Changes a study in one transaction, and what it needs with it; what nobody needs any more goes after the commit. A crash between the two
 * leaves blobs that the next start finds.
 */
export async function changeStudy<T>(
  { store, blobs }: Pick<Context, 'store' | 'blobs'>,
  study: string,
  work: (tables: Tables) => Promise<T>,
): Promise<T> {
  const { result, released } = await store.transaction(async (tables) => {
    const result = await work(tables)
    return { result, released: await tables.keepOnly(study, await neededBlobs(tables, study)) }
  })
  await blobs.drop(released)
  return result
}
