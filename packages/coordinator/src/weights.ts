/** How weights are written, range by range. */
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { encodeHeader } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { type BlobStore, type BlobWriter, gatheringWriter } from './blobs/blob-store.ts'

/** Weights in one range, at most: 256 KiB, of which a processor's nearest cache holds two. Longer ones are read at half the speed, shorter ones are too many. */
export const longestRange = 1 << 16

/** A model of fewer weights is gathered in memory, and put whole. */
const smallLength = 1 << 16

export const writerFor = async (blobs: BlobStore, specs: readonly TensorSpec[]): Promise<BlobWriter> =>
  dimensionOf(specs) <= smallLength ? gatheringWriter(blobs) : blobs.writer()

/** What stands before the values of a weights file. */
export const weightsHead = (specs: readonly TensorSpec[]): Uint8Array<ArrayBuffer> =>
  encodeHeader(specs.map((spec) => ({ ...spec, dataType: 'F32' })))

type Ranges = Iterable<Float32Array> | AsyncIterable<Float32Array>

/** A weights file from the ranges of its flat vector. Errors: of the ranges, and of the disk. */
export async function writeWeights(blobs: BlobStore, specs: readonly TensorSpec[], ranges: Ranges): Promise<BlobRef> {
  const writer = await writerFor(blobs, specs)
  try {
    await writer.write(weightsHead(specs))
    for await (const { buffer, byteOffset, byteLength } of ranges)
      await writer.write(new Uint8Array(buffer, byteOffset, byteLength))
    return await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  }
}
