/** Updates of light sites, made while they are sent: whatever the size of the model, a site holds one piece. */
import { createHash } from 'node:crypto'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import type { Signed } from '@wardround/core/protocol/signing.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { encodeUpdateHead } from '@wardround/core/protocol/update.ts'
import { dimensionOf } from '@wardround/core/weights.ts'
import { type Client, pollSeconds } from '@wardround/site/client.ts'
import { patients } from './light-results.ts'
import { studyOf } from './study.ts'

export type LightUpdate = BlobRef & { piece(offset: number): Uint8Array }
export type Updates = (of: { readonly number: number; readonly round: number }) => LightUpdate

const pieceBytes = 4 << 20

/** Zeros but for the first weight, which moves by a number of the site's and the round's own: no two updates are the same blob. */
export function updatesOf(weights: number): Updates {
  const specs = splitSpecs(studyOf(weights, 1).study.model, 1).shared
  const head = encodeUpdateHead(specs, { numExamples: patients, measurements: {} })
  const sizeBytes = head.length + 4 * dimensionOf(specs)
  return ({ number, round }) => {
    const start = new Uint8Array(head.length + 4)
    start.set(head)
    new DataView(start.buffer).setFloat32(head.length, (round * 2 ** 14 + number) * 2 ** -34, true)
    const piece = (offset: number): Uint8Array => {
      const bytes = new Uint8Array(Math.min(pieceBytes, sizeBytes - offset))
      bytes.set(start.subarray(offset, offset + bytes.length))
      return bytes
    }
    const hash = createHash('sha256')
    for (let offset = 0; offset < sizeBytes; offset += pieceBytes) hash.update(piece(offset))
    return { sizeBytes, sha256: hash.digest('hex'), piece }
  }
}

/** Piece by piece; the next task, if there is one. */
export async function sendUpdate(
  client: Client,
  task: string,
  { update: { sizeBytes, sha256, piece }, signal }: { readonly update: LightUpdate; readonly signal: AbortSignal },
): Promise<Signed | null> {
  const whole = { sizeBytes, sha256, wait: pollSeconds }
  for (let offset = 0; ; ) {
    const bytes = piece(offset)
    const answer = await client.call('upload', { params: { task }, query: { offset, ...whole } }, { signal, bytes })
    if (answer.receivedBytes === sizeBytes) return answer.task
    offset = answer.receivedBytes
  }
}
