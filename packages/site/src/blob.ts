/** Bytes from the coordinator, by their digest. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { decodeWeights, headerLimitBytes } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { persistently } from './client.ts'
import type { SiteContext } from './context.ts'
import { sha256Of } from './outbox.ts'

type Needs = Pick<SiteContext, 'client' | 'patience'>

/** The whole blob; what a broken line has brought is kept, and the rest asked for. Errors: WR_DIGEST_MISMATCH, WR_BODY_TOO_LARGE, WR_BLOB_MISSING, … */
export async function fetchBlob(site: Needs, { sha256, sizeBytes }: BlobRef): Promise<Uint8Array> {
  const { client, patience } = site
  const { signal } = patience
  let chunks: Uint8Array[] = []
  let received = 0
  const attempt = async (): Promise<Uint8Array> => {
    const response = await client.download(
      'blob',
      { params: { sha256 } },
      { start: received, ...(signal === undefined ? {} : { signal }) },
    )
    // An answer of 200 starts at the beginning again.
    if (response.status !== 206) [chunks, received] = [[], 0]
    for await (const chunk of response.body) {
      received += chunk.length
      if (received > sizeBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: sizeBytes })
      chunks.push(chunk)
    }
    const bytes = Buffer.concat(chunks)
    if (received === sizeBytes && sha256Of(bytes) === sha256) return bytes
    ;[chunks, received] = [[], 0]
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

/** The largest blob that is kept in memory between two tasks. */
const keptBytes = 16 << 20

/** fetchBlob() with the last one kept: the weights that a round measures are those that the next one trains. */
export function blobFetcher(site: Needs): BlobFetcher {
  let kept: { readonly sha256: string; readonly bytes: Uint8Array } | undefined
  return async (ref) => {
    if (kept?.sha256 === ref.sha256 && kept.bytes.length === ref.sizeBytes) return kept.bytes
    const bytes = await fetchBlob(site, ref)
    kept = bytes.length <= keptBytes ? { sha256: ref.sha256, bytes } : undefined
    return bytes
  }
}
