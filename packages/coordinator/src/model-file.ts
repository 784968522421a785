/** The model as a file that leaves the coordinator. */
import { exportModel } from '@wardround/core/graph/export.ts'
import { initialWeights, splitSpecs } from '@wardround/core/graph/layers.ts'
import { inputWidth, preparationSchema } from '@wardround/core/preparation/schema.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { decodeWeights } from '@wardround/core/safetensors.ts'
import type { Context } from './context.ts'
import { readMended } from './mending.ts'
import { studyOf } from './running.ts'
import type { StudyRow } from './store/schema.ts'

/**
 * `safetensors`: the shared weights as they are. `onnx`: with pre-processing inside; personal weights, which the coordinator never
 * sees, are at their starting values (`wardround site export` has a hospital's own).
 */
export async function modelFile(
  context: Context,
  { row, weights, format }: { row: StudyRow; weights: BlobRef; format: 'safetensors' | 'onnx' },
): Promise<{ bytes: Uint8Array; name: string }> {
  const bytes = await readMended(context, weights.sha256)
  if (format === 'safetensors') return { bytes, name: `${row.id}.safetensors` }
  const study = studyOf(row)
  const preparation = preparationSchema.parse(JSON.parse(row.preparation ?? 'null'))
  const width = inputWidth(preparation)
  const shared = decodeWeights(bytes, splitSpecs(study.model, width).shared)
  const first = initialWeights(study.model, width, seededRandom([study.seed, 'weights']))
  const all = first.map((tensor) => shared.find(({ name }) => name === tensor.name) ?? tensor)
  return { bytes: exportModel({ study, planHash: row.plan_hash, preparation, weights: all }), name: `${row.id}.onnx` }
}
