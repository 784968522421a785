/** An update on its way in, written while it comes: however many sites send at once, each takes a little memory. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import type { Context } from './context.ts'
import { requireSize, runningStudy } from './door.ts'
import { endsBehind, grouped, upTo } from './incoming.ts'
import { fit, takeUpdate, thankForUpdate } from './intake.ts'
import type { TaskRow } from './store/schema.ts'

/** What is in memory of a piece at once, and the largest update that is taken in whole. */
const groupBytes = 1 << 17

export type Piece = {
  readonly offset: number
  readonly incoming: AsyncIterable<Uint8Array>
  /** As the head says; 0 where it does not. */
  readonly announcedBytes: number
  /** The whole of which it is a piece. */
  readonly update: BlobRef
}

/** How much has arrived; with the last piece the update is taken in. Errors: WR_TASK_FOREIGN, WR_TASK_CLOSED, WR_UPLOAD_OFFSET, and the door's. */
export async function receive(context: Context, task: TaskRow, piece: Piece): Promise<number> {
  const { offset, announcedBytes, incoming, update } = piece
  const { sizeBytes } = update
  if (task.kind !== 'train') throw new WardroundError('WR_TASK_FOREIGN', { task: task.id })
  if (task.state !== 'open') {
    // What it is does not count any more; that the site has signed it does.
    for await (const _ of incoming);
    thankForUpdate(context, task, update)
    return sizeBytes
  }
  const running = await runningStudy(context, task)
  await fit(context, task, async () => requireSize(running, sizeBytes))
  const rest = upTo(sizeBytes - offset, incoming)
  if (offset + announcedBytes > sizeBytes) throw endsBehind()
  const take = (land: (held: BlobStore) => Promise<unknown>): Promise<void> =>
    context.blobs.hold(async (held) => {
      await land(held)
      await takeUpdate(context, task, { update, running })
    })
  const whole = offset === 0 && sizeBytes <= groupBytes ? Buffer.concat(await Array.fromAsync(rest)) : undefined
  if (whole?.length === sizeBytes) {
    await take((held) => putWhole(held, task, { bytes: whole, update }))
    return sizeBytes
  }
  const receivedBytes = await append(context, task, { offset, groups: whole ? [whole] : grouped(groupBytes, rest) })
  if (receivedBytes === sizeBytes) await take((held) => held.staged.commit(task.id, update))
  return receivedBytes
}

type Whole = { readonly bytes: Uint8Array; readonly update: BlobRef }

async function putWhole({ put, staged }: BlobStore, { id }: TaskRow, { bytes, update: { sha256 } }: Whole) {
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The update' })
  await put(bytes, sha256)
  // Pieces of it may have come before.
  await staged.discard(id)
}

type Groups = { readonly offset: number; readonly groups: Iterable<Uint8Array> | AsyncIterable<Uint8Array> }

/** Adds to what has arrived, and says how much that is. */
async function append({ blobs }: Context, { id }: TaskRow, { offset, groups }: Groups): Promise<number> {
  let received: number | undefined
  let at = offset
  try {
    for await (const bytes of groups) {
      received = await blobs.staged.append(id, at, bytes)
      at += bytes.length
    }
    // Who has sent all, and asks once more, sends nothing.
    return received ?? (await blobs.staged.append(id, offset, new Uint8Array()))
  } catch (error) {
    // Some of it is not what the site has signed: it begins again.
    if (error instanceof WardroundError && error.code === 'WR_PROOF_INVALID') await blobs.staged.discard(id)
    throw error
  }
}
