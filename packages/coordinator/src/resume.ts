/** What a coordinator does when it starts: it goes on with every study, and puts in order what lives left that were cut short. */
import { asWardroundError } from '@wardround/core/errors.ts'
import type { Context } from './context.ts'
import type { Mover } from './mover.ts'
import { changeStudy, neededBlobs } from './needed.ts'

/** `idle` resolves when nothing is being moved on or put in order. */
export async function resume(context: Context, mover: Mover): Promise<{ idle(): Promise<void> }> {
  const studies = await context.store.studies()
  // Nobody writes yet.
  await context.blobs.tidy().catch((error: unknown) => untidy(context, error))
  for (const { id, state } of studies) if (state !== 'ended') mover.advance(id)
  const ids = studies.map(({ id }) => id)
  const tidied = mover
    .turn()
    .then(() => tidyUp(context, ids))
    .catch((error: unknown) => untidy(context, error))
  return {
    async idle() {
      await mover.idle()
      await tidied
    },
  }
}

/** Of no consequence: the next start does it again. */
const untidy = ({ log }: Context, error: unknown): void =>
  log('warn', 'nobody tidied up', { code: asWardroundError(error).code })

/**
 * After the studies have moved on, so that what one of them is about to write again is not deleted just before. Each lets go of what it does
 * not need by the rules of this version; then whatever nobody needs goes.
 */
async function tidyUp(context: Context, studies: readonly string[]): Promise<void> {
  for (const id of studies) {
    const needed = new Set((await neededBlobs(context.store, id)).map(({ sha256 }) => sha256))
    const kept = await context.store.blobRefs(id)
    if (kept.some(({ sha256 }) => !needed.has(sha256))) await changeStudy(context, id, async () => undefined)
  }
  await context.blobs.sweep()
}
