/** The order of examples and the dropout draws of a training call: pure, so that the same labels give the same steps. */
import { permutation, seededRandom } from '@wardround/core/random.ts'

/**
 * Batch indices [steps, batch] of epochs `from` … `from + count − 1`. Each epoch is a fresh permutation; its last batch is
 * filled up from the start of the same permutation, so that every step has the same shape.
 */
export function batchIndices(
  { rows, batch, labels }: { rows: number; batch: number; labels: readonly (string | number)[] },
  epochs: { from: number; count: number },
): Int32Array<ArrayBuffer> {
  const perEpoch = Math.ceil(rows / batch) * batch
  const indices = new Int32Array(perEpoch * epochs.count)
  for (let epoch = 0; epoch < epochs.count; epoch++) {
    const order = permutation(rows, seededRandom([...labels, 'shuffle', epochs.from + epoch]))
    for (let i = 0; i < perEpoch; i++) indices[epoch * perEpoch + i] = order[i % rows] ?? 0
  }
  return indices
}

/** Uniform draws for one dropout layer, `valuesPerEpoch` for each of the epochs. */
export function dropoutDraws(
  { layer, labels, valuesPerEpoch }: { layer: string; labels: readonly (string | number)[]; valuesPerEpoch: number },
  epochs: { from: number; count: number },
): Float32Array<ArrayBuffer> {
  const draws = new Float32Array(valuesPerEpoch * epochs.count)
  for (let epoch = 0; epoch < epochs.count; epoch++) {
    const random = seededRandom([...labels, 'dropout', layer, epochs.from + epoch])
    for (let i = 0; i < valuesPerEpoch; i++) draws[epoch * valuesPerEpoch + i] = random.uniform()
  }
  return draws
}
