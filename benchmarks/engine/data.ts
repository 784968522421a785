/** What both sides read: first weights, examples and batches, as files of plain values. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { outcomeOf } from '@wardround/core/study/outcome.ts'
import { sizeOf, type TensorSpec } from '@wardround/core/weights.ts'
import type { Case } from './cases.ts'

export type Files = {
  /** Weights in model order, one behind the other. */
  readonly weights: string
  /** float32 [rows, …]; of images with masks their levels, uint8 [rows, channels, height, width] */
  readonly features: string
  /** float32 [rows, 1]; of masks uint8 [rows, 1, height, width] */
  readonly target: string
  /** int32 [steps, batch] */
  readonly batches: string
  readonly specs: readonly TensorSpec[]
  /** Of images with masks: what their levels are scaled by. */
  readonly scale?: { readonly mean: number; readonly deviation: number }
}

export function writeFiles(folder: string, { name, model, inputs, training, rows, steps }: Case): Files {
  const random = seededRandom(['engine', name])
  const weights = initialWeights(model, inputs, random)
  const values = (count: number, draw: () => number): Float32Array => Float32Array.from({ length: count }, draw)
  const classes = training.loss === 'categoricalCrossEntropy' ? (weights.at(-1)?.shape[0] ?? 1) : 2
  const isMasked = outcomeOf(training.loss) === 'segmentation'
  const label = (): number => Math.floor(random.uniform() * classes)
  const batches = Int32Array.from({ length: steps * training.batch }, () => Math.floor(random.uniform() * rows))
  const write = (file: string, arrays: readonly (Float32Array | Int32Array | Uint8Array)[]): string => {
    const path = join(folder, file)
    writeFileSync(
      path,
      Buffer.concat(arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))),
    )
    return path
  }
  return {
    weights: write(
      'weights',
      weights.map(({ data }) => data),
    ),
    features: write('features', [
      isMasked
        ? Uint8Array.from({ length: rows * sizeOf(inputs) }, () => Math.floor(256 * random.uniform()))
        : values(rows * sizeOf(inputs), () => 2 * random.uniform() - 1),
    ]),
    target: write('target', [
      isMasked ? Uint8Array.from({ length: rows * sizeOf(inputs.slice(1)) }, label) : values(rows, label),
    ]),
    batches: write('batches', [batches]),
    specs: weights.map(({ name: tensor, shape }) => ({ name: tensor, shape })),
    // About those of levels that are all as frequent.
    ...(isMasked ? { scale: { mean: 127.5, deviation: 74 } } : {}),
  }
}
