/** Updates as a coordinator has them: blobs, all different, of values whose sums round. */
import type { BlobStore } from '@wardround/coordinator/blobs/blob-store.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { encodeUpdateHead } from '@wardround/core/protocol/update.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { encodeHeader } from '@wardround/core/safetensors.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'

export const specsOf = (weights: number): readonly TensorSpec[] => [{ name: 'wide.kernel', shape: [weights] }]

export type Blobs = {
  readonly global: BlobRef
  readonly updates: readonly BlobRef[]
  readonly examples: readonly number[]
  /** What stands before an update's values. */
  readonly headerBytes: number
}

const rangeLength = 1 << 18

/** `sites` updates of so many weights, and weights that are 0. */
export async function writeBlobs(
  blobs: BlobStore,
  { sites, weights }: { sites: number; weights: number },
): Promise<Blobs> {
  const specs = specsOf(weights)
  const examples = Array.from({ length: sites }, (_, site) => 100 + 37 * site)
  /** `pattern` again and again, from its `first` value on. */
  const put = async (head: Uint8Array, pattern: Float32Array, first = 0): Promise<BlobRef> => {
    const writer = await blobs.writer()
    await writer.write(head)
    const values = new Float32Array(rangeLength)
    for (let start = 0; start < weights; start += rangeLength) {
      for (let at = 0; at < rangeLength; ) {
        const part = pattern.subarray((first + start + at) % pattern.length).subarray(0, rangeLength - at)
        values.set(part, at)
        at += part.length
      }
      await writer.write(new Uint8Array(values.buffer, 0, 4 * Math.min(rangeLength, weights - start)))
    }
    return writer.finish()
  }
  // Draws of a prime number, begun elsewhere for each site: no two sites are alike, and no two ranges of one.
  const random = seededRandom(['aggregate'])
  const draws = Array.from({ length: 65_521 }, () => random.uniform() - 0.5)
  // One head for all, so that all values begin at one place; how many examples a site has is said apart.
  const head = encodeUpdateHead(specs, { numExamples: 100, measurements: {} })
  const global = await put(
    encodeHeader([{ ...specs[0], name: 'wide.kernel', shape: [weights], dataType: 'F32' }]),
    new Float32Array(1),
  )
  const updates: BlobRef[] = []
  for (let site = 0; site < sites; site++)
    updates.push(
      await put(
        head,
        Float32Array.from(draws, (draw) => draw * (1 + site / sites)),
        257 * site,
      ),
    )
  return { global, updates, examples, headerBytes: head.length }
}
