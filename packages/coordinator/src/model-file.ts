/** The model as a file that leaves the coordinator: read while it is sent, so that it is never in memory. */
import type { ModelPart } from '@wardround/core/graph/encode-model.ts'
import { exportParts } from '@wardround/core/graph/export.ts'
import { initialRanges } from '@wardround/core/graph/initial-weights.ts'
import { preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { placeOf, readHeader } from './aggregate.ts'
import type { BlobReader } from './blobs/blob-store.ts'
import type { Context } from './context.ts'
import { requireWhole } from './mending.ts'
import { studyOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'
import { longestRange } from './weights.ts'

export type ModelFile = {
  readonly name: string
  readonly sizeBytes: number
  /** Each piece is good until the one after the next is asked for. */
  readonly pieces: AsyncIterable<Uint8Array>
}

type Asked = { readonly row: StudyRow; readonly weights: BlobRef; readonly format: 'safetensors' | 'onnx' }

/**
 * `safetensors`: the shared weights as they are. `onnx`: with pre-processing inside; personal weights, which the coordinator never
 * sees, are at their starting values (`wardround site export` has a hospital's own). Errors: WR_BLOB_MISSING.
 */
export async function modelFile(context: Context, { row, weights, format }: Asked): Promise<ModelFile> {
  await requireWhole(context, weights)
  if (format === 'safetensors')
    return {
      name: `${row.id}.safetensors`,
      sizeBytes: weights.sizeBytes,
      pieces: context.blobs.stream(weights.sha256),
    }
  const study = studyOf(row)
  const preparation = preparationSchema.parse(JSON.parse(row.preparation ?? 'null'))
  const { parts, sizeBytes } = exportParts({ study, planHash: row.plan_hash, preparation })
  const startOf = (name: string): Iterable<Float32Array> => {
    const random = seededRandom([study.seed, 'weights'])
    const all = initialRanges(study.model, { inputs: preparedInputs(preparation), random, rangeLength: longestRange })
    return all.filter((range) => range.name === name).map(({ values }) => values)
  }
  return { name: `${row.id}.onnx`, sizeBytes, pieces: filled(context, { parts, weights, startOf }) }
}

type Filling = {
  readonly parts: readonly ModelPart[]
  readonly weights: BlobRef
  /** What a weight that is not shared starts at. */
  readonly startOf: (name: string) => Iterable<Float32Array>
}

async function* filled(
  { blobs }: Pick<Context, 'blobs'>,
  { parts, weights, startOf }: Filling,
): AsyncGenerator<Uint8Array> {
  const reader = await blobs.reader(weights.sha256)
  try {
    const { tensors, dataStart } = await readHeader(reader, weights)
    for (const part of parts) {
      if (part instanceof Uint8Array) {
        yield part
        continue
      }
      const shared = tensors.find(({ name }) => name === part.tensor)
      if (shared === undefined)
        for (const { buffer, byteOffset, byteLength } of startOf(part.tensor))
          yield new Uint8Array(buffer, byteOffset, byteLength)
      else yield* valuesOf(reader, { start: shared.startByte / 4, end: shared.endByte / 4 }, dataStart)
    }
  } finally {
    await reader.close()
  }
}

async function* valuesOf(
  reader: BlobReader,
  { start, end }: { start: number; end: number },
  dataStart: number,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += pieceLength)
    yield await reader.read(placeOf({ start: at, end: Math.min(end, at + pieceLength) }, dataStart))
}

/** Weights that are read at once. */
const pieceLength = 1 << 14
