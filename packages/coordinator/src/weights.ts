/** The weights that a study starts from, a matter of its plan and its preparation alone; and how weights are written, range by range. */
import { initialRanges } from '@wardround/core/graph/initial-weights.ts'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { encodeHeader } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { type BlobStore, type BlobWriter, gatheringWriter } from './blobs/blob-store.ts'
import { studyOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'

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

/** Shared ones only; drawn while they are written, so that no model is ever in memory. */
export function putFirstWeights(
  blobs: BlobStore,
  { plan, preparation }: Pick<StudyRow, 'plan' | 'preparation'>,
): Promise<BlobRef> {
  const { model, seed } = studyOf({ plan })
  const inputs = preparedInputs(preparationSchema.parse(JSON.parse(preparation ?? 'null')))
  const { shared } = splitSpecs(model, inputs)
  const names = new Set(shared.map(({ name }) => name))
  const all = initialRanges(model, { inputs, random: seededRandom([seed, 'weights']), rangeLength: longestRange })
  return writeWeights(
    blobs,
    shared,
    all.filter(({ name }) => names.has(name)).map(({ values }) => values),
  )
}
