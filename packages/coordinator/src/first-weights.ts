/**
 * The weights that a study starts from, a matter of its plan and its preparation alone: drawn, or, where its model is from a file, those that were handed in
 * with the plan, which names their digest.
 */
import { initialRanges } from '@wardround/core/graph/initial-weights.ts'
import { type Inputs, splitSpecs } from '@wardround/core/graph/network.ts'
import { preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { float32Of } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { placeOf, readHeader } from './aggregate.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { studyOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'
import { longestRange, writeWeights } from './weights.ts'

/** Those that are handed in; undefined where they are drawn. */
export const givenWeights = ({ model }: Pick<Study, 'model'>): BlobRef | undefined =>
  'onnx' in model ? model.onnx.weights : undefined

export type Starting = { readonly study: Study; readonly inputs: Inputs }

/** First values of some weights, in model order, range by range: no model is ever in memory. Errors: WR_BLOB_MISSING. */
export async function* firstValues(
  blobs: Pick<BlobStore, 'reader'>,
  { study, inputs }: Starting,
  names: ReadonlySet<string>,
): AsyncGenerator<Float32Array> {
  const given = givenWeights(study)
  if (given !== undefined) return yield* givenValues(blobs, given, names)
  const random = seededRandom([study.seed, 'weights'])
  for (const { name, values } of initialRanges(study.model, { inputs, random, rangeLength: longestRange }))
    if (names.has(name)) yield values
}

async function* givenValues(
  blobs: Pick<BlobStore, 'reader'>,
  given: BlobRef,
  names: ReadonlySet<string>,
): AsyncGenerator<Float32Array> {
  const reader = await blobs.reader(given.sha256)
  try {
    const { tensors, dataStart } = await readHeader(reader, given)
    for (const { startByte, endByte } of tensors.filter(({ name }) => names.has(name)))
      for (let start = startByte / 4; start < endByte / 4; start += longestRange) {
        const range = { start, end: Math.min(endByte / 4, start + longestRange) }
        yield float32Of(await reader.read(placeOf(range, dataStart)))
      }
  } finally {
    await reader.close()
  }
}

/** Shared ones only. */
export function putFirstWeights(
  blobs: BlobStore,
  { plan, preparation }: Pick<StudyRow, 'plan' | 'preparation'>,
): Promise<BlobRef> {
  const study = studyOf({ plan })
  const inputs = preparedInputs(preparationSchema.parse(JSON.parse(preparation ?? 'null')))
  const { shared } = splitSpecs(study.model, inputs)
  const names = new Set(shared.map(({ name }) => name))
  return writeWeights(blobs, shared, firstValues(blobs, { study, inputs }, names))
}
