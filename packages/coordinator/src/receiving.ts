/** Large blobs on their way in, written while it comes: however many send at once, each takes a little memory. */

import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Arrival, BlobStore } from './blobs/blob-store.ts'
import type { GatheredBlobs } from './blobs/gathered.ts'
import type { Context } from './context.ts'
import { sha256Of } from './digest.ts'
import { requireSize, runningStudy } from './door.ts'
import { endsBehind, grouped, upTo } from './incoming.ts'
import { fit, takeUpdate, thankForUpdate } from './intake.ts'
import { sharedRoom } from './room.ts'
import type { TaskRow } from './store/schema.ts'

/** The largest blob that is taken in whole. */
const wholeBytes = 1 << 17

/** What is in memory of a piece at once. */
const room = sharedRoom({ totalBytes: 1 << 23, leastBytes: 1 << 17, mostBytes: 1 << 18 })

/** What a request brings of a blob, from `offset`. */
export type Piece = {
  readonly offset: number
  readonly incoming: AsyncIterable<Uint8Array>
  /** As the head says; 0 where it does not. */
  readonly announcedBytes: number
  readonly blob: BlobRef
}

/** How much has arrived; with the last piece the update is taken in. Errors: WR_TASK_FOREIGN, WR_TASK_CLOSED, of receiveBlob(), and the door's. */
export async function receiveUpdate(context: Context, task: TaskRow, piece: Piece): Promise<number> {
  const { incoming, blob: update } = piece
  if (task.kind !== 'train') throw new WardroundError('WR_TASK_FOREIGN', { task: task.id })
  if (task.state !== 'open') {
    // It does not count any more.
    for await (const _ of incoming);
    thankForUpdate(context, task, update)
    return update.sizeBytes
  }
  const running = await runningStudy(context, task)
  await fit(context, task, async () => requireSize(running, update.sizeBytes))
  const take: Take = (held, { plausible }) => takeUpdate(context, task, { update, running, held, plausible })
  return receiveBlob(context, { ...piece, name: task.id }, take)
}

type Landing = Piece & {
  /** What its pieces are gathered under. */
  readonly name: string
}

/** Has the whole, which becomes durable with what it writes. */
type Take = (held: GatheredBlobs, arrival: Arrival) => Promise<void>

/**
 * How much has arrived; with the last piece the whole is there, and `take` is called, which writes what was gathered in its transaction. Errors: WR_UPLOAD_OFFSET,
 * WR_BODY_INVALID, WR_DIGEST_MISMATCH, those of the body, and of `take`.
 */
export async function receiveBlob(
  { blobs }: Pick<Context, 'blobs'>,
  { name, blob, offset, announcedBytes, incoming }: Landing,
  take: Take,
): Promise<number> {
  const { sizeBytes } = blob
  const rest = upTo(sizeBytes - offset, incoming)
  if (offset + announcedBytes > sizeBytes) throw endsBehind()
  const land = (put: (held: BlobStore) => Promise<Arrival>): Promise<void> =>
    blobs.hold(async (held) => {
      const gathered = held.gathering()
      await take(gathered, await put(gathered))
    })
  const whole = offset === 0 && sizeBytes <= wholeBytes ? Buffer.concat(await Array.fromAsync(rest)) : undefined
  if (whole?.length === sizeBytes) {
    await land((held) => putWhole(held, name, { bytes: whole, blob }))
    return sizeBytes
  }
  const place = room.enter()
  const groups = whole ? [whole] : grouped(place.sizeBytes, rest)
  const receivedBytes = await append(blobs, name, { offset, groups }).finally(place.leave)
  if (receivedBytes === sizeBytes) await land((held) => held.staged.commit(name, blob))
  return receivedBytes
}

type Whole = { readonly bytes: Uint8Array; readonly blob: BlobRef }

async function putWhole(
  { put, staged }: BlobStore,
  name: string,
  { bytes, blob: { sha256 } }: Whole,
): Promise<Arrival> {
  if (sha256Of(bytes) !== sha256) throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The upload' })
  await put(bytes, sha256)
  // Pieces of it may have come before.
  await staged.discard(name)
  // It is read from memory.
  return { plausible: false }
}

type Groups = { readonly offset: number; readonly groups: Iterable<Uint8Array> | AsyncIterable<Uint8Array> }

/** Adds to what has arrived, and says how much that is. */
async function append({ staged }: Context['blobs'], name: string, { offset, groups }: Groups): Promise<number> {
  const adding = await staged.open(name)
  let received: number | undefined
  let at = offset
  try {
    for await (const bytes of groups) {
      received = await adding.append(at, bytes)
      at += bytes.length
    }
    // Who has sent all, and asks once more, sends nothing.
    return received ?? (await adding.append(offset, new Uint8Array()))
  } finally {
    await adding.close()
  }
}
