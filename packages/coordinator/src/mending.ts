/**
 * A blob whose bytes are gone, or are not what its name says any more: made again where that can be done, with the very same bytes. What a
 * site sent is asked for again (round.ts). What neither helps is lost: whoever needs it waits, says so, and goes on when it is back.
 */
import { createHash } from 'node:crypto'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import { aggregateRound } from './aggregate.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import type { Context } from './context.ts'
import { commonAgain } from './correction.ts'
import { putFirstWeights } from './first-weights.ts'
import { aggregateInput } from './inputs.ts'
import { runningOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'

/** Whether it is there, and is what its name says. */
export async function isWhole(blobs: Pick<BlobStore, 'stream'>, { sha256 }: Pick<BlobRef, 'sha256'>): Promise<boolean> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of blobs.stream(sha256)) hash.update(chunk)
  } catch {
    // Gone, or on a part of the disk that cannot be read: for whoever needs it that is the same.
    return false
  }
  return hash.digest('hex') === sha256
}

/** Damage found in this life of the coordinator, by digest. */
export type Damage = { readonly lost: Set<string>; readonly mended: Set<string> }

/** `made`: it was damaged, and is whole again. `lost` stays written down in `context.damage` for as long as a study needs it. */
export async function mend(context: Context, { sha256 }: Pick<BlobRef, 'sha256'>): Promise<'whole' | 'made' | 'lost'> {
  const { lost, mended } = context.damage
  const whole = await isWhole(context.blobs, { sha256 })
  const studies = whole ? [] : await context.store.studiesThatNeed(sha256)
  const made = !whole && (await madeAgain(context, sha256, studies))
  if (made) mended.add(sha256)
  if (whole || made || studies.length === 0) lost.delete(sha256)
  else if (!lost.has(sha256)) {
    lost.add(sha256)
    context.log('error', 'a blob is lost', { sha256, studies })
  }
  return whole ? 'whole' : made ? 'made' : 'lost'
}

/** What a study needs of the lost: looked at again, for it may have been restored. */
export async function lostFor(context: Context, study: string): Promise<string[]> {
  const needed = (await context.store.blobRefs(study)).filter(({ sha256 }) => context.damage.lost.has(sha256))
  const lost: string[] = []
  for (const { sha256 } of needed) if ((await mend(context, { sha256 })) === 'lost') lost.push(sha256)
  return lost
}

/** Makes it again if it has to be. Errors: WR_BLOB_MISSING. */
export async function requireWhole(context: Context, { sha256 }: Pick<BlobRef, 'sha256'>): Promise<void> {
  if ((await mend(context, { sha256 })) === 'lost') throw new WardroundError('WR_BLOB_MISSING', { sha256 })
}

/** The whole blob; made again if it has to be. For one that is small. Errors: WR_BLOB_MISSING. */
export async function readMended(context: Context, sha256: string): Promise<Uint8Array> {
  try {
    return await context.blobs.read(sha256)
  } catch (error) {
    if ((await mend(context, { sha256 })) === 'lost') throw error
    return context.blobs.read(sha256)
  }
}

async function madeAgain(context: Context, sha256: string, studies: readonly string[]): Promise<boolean> {
  for (const study of studies) {
    const row = await context.store.study(study)
    if (row !== undefined && (await madeFor(context, row, sha256))) {
      context.log('warn', 'a damaged blob was made again', { study, sha256 })
      return true
    }
  }
  return false
}

/**
 * The first weights are a matter of the plan and the preparation; those of a round that has not ended, of its updates; what sites correct their
 * gradients by, of the strategy's state.
 */
async function madeFor(context: Context, row: StudyRow, sha256: string): Promise<boolean> {
  const [first, last] = [await context.store.round(row.id, 1), await context.store.lastRound(row.id)]
  const isThis = (text: string | null | undefined): boolean => digestOf(text) === sha256
  const before = last && (await context.store.completedBefore(row.id, last.number))
  const makers = [
    ...[before, last].flatMap((round) => commonAgain(runningOf(row), round?.strategy_state, sha256)),
    ...(isThis(first?.weights_in) ? [(held: BlobStore) => putFirstWeights(held, row)] : []),
    ...(last?.phase === 'evaluating' && isThis(last.weights_out)
      ? [
          async (held: BlobStore) =>
            (await aggregateRound(held, await aggregateInput(context, runningOf(row), last))).weights,
        ]
      : []),
  ]
  for (const make of makers) if (await holds(context, sha256, make)) return true
  return false
}

/** Whether what was made is what was wanted; else it is not kept. */
async function holds(context: Context, sha256: string, make: (held: BlobStore) => Promise<BlobRef>): Promise<boolean> {
  try {
    await context.blobs.hold(async (held) => {
      const made = await make(held)
      if (made.sha256 !== sha256) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
    })
    return true
  } catch (error) {
    context.log('warn', 'a damaged blob cannot be made again', { sha256, code: asWardroundError(error).code })
    return false
  }
}

const digestOf = (text: string | null | undefined): string | undefined =>
  blobRefSchema.safeParse(JSON.parse(text ?? 'null')).data?.sha256
