/** The order of examples and the dropout draws of a training call: pure, so that the same labels give the same steps. */
import { permutation, type Random, seededRandom } from '@wardround/core/random.ts'
import type { Amount } from './messages.ts'

type Order = { readonly rows: number; readonly batch: number; readonly labels: readonly (string | number)[] }
/** Parts `from` … `from + count − 1` of a schedule. */
export type Parts = { readonly from: number; readonly count: number }

/** A call's steps in parts with streams of their own, so that it does not matter how many of them are run at once. */
export type Schedule = {
  readonly parts: Parts
  readonly stepsPerPart: number
  /** Batch indices [steps, batch] of some of the parts. */
  indices(parts: Parts): Int32Array<ArrayBuffer>
  /** Which pass over the records a step of the call belongs to, counted from 1. */
  epochOf(step: number): number
}

/** An epoch is a part; or, where the amount is in steps, each step is. */
export function scheduleOf(amount: Amount, order: Order): Schedule {
  const { rows, batch } = order
  if ('steps' in amount)
    return {
      parts: { from: amount.from, count: amount.steps },
      stepsPerPart: 1,
      indices: (parts) => stepIndices(order, parts),
      epochOf: (step) => Math.floor((step * batch) / rows) + 1,
    }
  const stepsPerPart = Math.ceil(rows / batch)
  return {
    parts: { from: 0, count: amount.epochs },
    stepsPerPart,
    indices: (parts) => batchIndices(order, parts),
    epochOf: (step) => Math.floor(step / stepsPerPart) + 1,
  }
}

const shuffled = ({ rows, labels }: Order, epoch: number): Int32Array =>
  permutation(rows, seededRandom([...labels, 'shuffle', epoch]))

/**
 * Of epochs. Each is a fresh permutation; its last batch is filled up from the start of the same permutation, so that every step has the
 * same shape.
 */
export function batchIndices(order: Order, epochs: Parts): Int32Array<ArrayBuffer> {
  const { rows, batch } = order
  const perEpoch = Math.ceil(rows / batch) * batch
  const indices = new Int32Array(perEpoch * epochs.count)
  for (let epoch = 0; epoch < epochs.count; epoch++) {
    const own = shuffled(order, epochs.from + epoch)
    for (let i = 0; i < perEpoch; i++) indices[epoch * perEpoch + i] = own[i % rows] ?? 0
  }
  return indices
}

/** Of steps of an endless sequence: one permutation after another, cut into batches that may reach into the next one. */
export function stepIndices(order: Order, steps: Parts): Int32Array<ArrayBuffer> {
  const { rows, batch } = order
  const indices = new Int32Array(steps.count * batch)
  const start = steps.from * batch
  let epoch = Math.floor(start / rows)
  let own = shuffled(order, epoch)
  for (let i = 0; i < indices.length; i++) {
    const place = start + i - epoch * rows
    if (place === rows) own = shuffled(order, ++epoch)
    indices[i] = own[place % rows] ?? 0
  }
  return indices
}

/** Uniform draws for one dropout layer, `valuesPerPart` for each of the parts. */
export function dropoutDraws(
  { layer, labels, valuesPerPart }: { layer: string; labels: readonly (string | number)[]; valuesPerPart: number },
  parts: Parts,
): Float32Array<ArrayBuffer> {
  const draws = new Float32Array(valuesPerPart * parts.count)
  for (let part = 0; part < parts.count; part++) {
    const random = dropoutStream({ layer, labels }, parts.from + part)
    fillUniform(draws.subarray(part * valuesPerPart, (part + 1) * valuesPerPart), random)
  }
  return draws
}

/** Where one part's draws for a dropout layer come from, one after another. */
export const dropoutStream = (
  { layer, labels }: { layer: string; labels: readonly (string | number)[] },
  part: number,
): Random => seededRandom([...labels, 'dropout', layer, part])

export function fillUniform(values: Float32Array<ArrayBuffer>, random: Random): Float32Array<ArrayBuffer> {
  for (let i = 0; i < values.length; i++) values[i] = random.uniform()
  return values
}
