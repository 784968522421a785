/** What sites are given to correct their gradients by, beside the weights: where the study's strategy has them do so. */
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { type BlobRef, blobRefSchema, type Task } from '@wardround/core/protocol/task.ts'
import { encodeHeader, float64Of } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { longestRange, smallLength } from './aggregate.ts'
import { type BlobStore, gatheringWriter } from './blobs/blob-store.ts'
import { checkedBytes } from './blobs/checked.ts'
import type { Context } from './context.ts'
import type { Running } from './running.ts'
import type { RoundRow } from './store/schema.ts'

export type CorrectionPart = Pick<Extract<Task, { kind: 'train' }>, 'correction'>

/** The part of a train task that is a site's own. Made again after a crash it is the same. */
export async function correctionParts(
  { store, blobs }: Pick<Context, 'store'> & { readonly blobs: BlobStore },
  { study, row, specs }: Running,
  round: RoundRow,
): Promise<(site: string) => CorrectionPart> {
  const { correction } = strategyOf(study.strategy).client
  if (correction === undefined) return () => ({})
  const previous = await store.completedBefore(row.id, round.number)
  const state = JSON.parse(previous?.strategy_state ?? '{}') as Record<string, unknown>
  const kept = correction.common === undefined ? undefined : state[`aggregator/${correction.common}`]
  const common =
    kept === undefined ? {} : { common: await asWeights(blobs, { vector: blobRefSchema.parse(kept), specs }) }
  const counted = await store.lastCounted(row.id)
  return (site) => ({ correction: { since: counted.get(site) ?? 0, ...common } })
}

/** A vector of the strategy's state (bare Float64) as a weights file (Float32), range by range. Errors: WR_BLOB_MISSING. */
export async function asWeights(
  blobs: BlobStore,
  { vector, specs }: { readonly vector: BlobRef; readonly specs: readonly TensorSpec[] },
  rangeLength = longestRange,
): Promise<BlobRef> {
  const dimension = dimensionOf(specs)
  const reader = await blobs.reader(vector.sha256)
  const { read, check } = checkedBytes(reader, vector)
  const writer = dimension <= smallLength ? gatheringWriter(blobs) : await blobs.writer()
  try {
    await writer.write(encodeHeader(specs.map((spec) => ({ ...spec, dataType: 'F32' }))))
    for (let start = 0; start < dimension; start += rangeLength) {
      const end = Math.min(dimension, start + rangeLength)
      const values = Float32Array.from(float64Of(await read({ start: start * 8, end: end * 8 })))
      await writer.write(new Uint8Array(values.buffer))
    }
    check()
    return await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  } finally {
    await reader.close()
  }
}
