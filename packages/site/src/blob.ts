/** Bytes from the coordinator, by their digest. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { decodeWeights, headerLimitBytes } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { persistently } from './client.ts'
import type { SiteContext } from './context.ts'
import { type HeldBlob, heldBlob } from './held-blob.ts'

type Needs = Pick<SiteContext, 'client' | 'patience'>

/**
 * The whole blob, hashed while it comes; what a broken line has brought is kept, and the rest asked for. The caller has found its size to be what the
 * model takes. Errors: WR_DIGEST_MISMATCH, WR_BODY_TOO_LARGE, WR_BLOB_MISSING, …
 */
export async function fetchBlob(site: Needs, { sha256, sizeBytes }: BlobRef): Promise<Uint8Array> {
  const { client, patience } = site
  const { signal } = patience
  const bytes = new Uint8Array(sizeBytes)
  let received = 0
  let hash = createHash('sha256')
  const startAgain = (): void => {
    received = 0
    hash = createHash('sha256')
  }
  const attempt = async (): Promise<Uint8Array> => {
    const response = await client.download(
      'blob',
      { params: { sha256 } },
      { start: received, ...(signal === undefined ? {} : { signal }) },
    )
    // An answer of 200 starts at the beginning again.
    if (response.status !== 206) startAgain()
    for await (const chunk of response.body) {
      if (received + chunk.length > sizeBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: sizeBytes })
      bytes.set(chunk, received)
      hash.update(chunk)
      received += chunk.length
    }
    if (received === sizeBytes && hash.digest('hex') === sha256) return bytes
    startAgain()
    throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The weights' })
  }
  return persistently(attempt, patience, 5)
}

/** Weights by their digest, and of this shape. Errors: WR_DIGEST_MISMATCH, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE, WR_BODY_TOO_LARGE, … */
export async function fetchWeights(
  { fetchBlob }: Pick<SiteContext, 'fetchBlob'>,
  ref: BlobRef,
  specs: readonly TensorSpec[],
): Promise<Weights> {
  const limit = headerLimitBytes + 4 * dimensionOf(specs)
  if (ref.sizeBytes > limit) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: limit })
  return decodeWeights(await fetchBlob(ref), specs)
}

export type BlobFetcher = (ref: BlobRef) => Promise<Uint8Array>

/** fetchBlob(), but for the one that is held: the weights that a round measures are those that the next one trains. */
export function blobFetcher(site: Needs, held: HeldBlob = heldBlob()): BlobFetcher {
  return async (ref) => {
    const known = held.get(ref)
    if (known !== undefined) return known
    // Let go of before there is another: two large models need not be in memory at once.
    held.drop()
    const bytes = await fetchBlob(site, ref)
    held.keep(bytes, ref.sha256)
    return bytes
  }
}
