/** What light sites say. Nothing is computed for it, but for an update that is unlike all others. */
import { splitSpecs } from '@wardround/core/graph/layers.ts'
import type { Report } from '@wardround/core/protocol/task.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { unflatten } from '@wardround/core/safetensors.ts'
import { dimensionOf } from '@wardround/core/weights.ts'
import { hiddenResult, nothing } from '@wardround/site/evaluation.ts'
import { studyOf } from './study.ts'

const patients = 40

export const surveyed = (): Report => ({
  kind: 'prepare',
  survey: {
    findings: [],
    patients: { training: patients, validation: 0, test: 20 },
    records: { training: patients, validation: 0, test: 20 },
    columns: { age: { type: 'number', patients, records: patients, mean: 50, m2: 10_000, histogram: null } },
    target: { negative: 20, positive: 20 },
  },
})

/** Every prediction is a half. */
export const evaluated = (): Report => ({
  kind: 'evaluate',
  on: 'training',
  figure: { metric: 'loss', records: patients, patients, sum: patients * Math.LN2 },
})

export const finished = (): Report => ({
  kind: 'finish',
  nTrain: null,
  nTest: null,
  local: hiddenResult(),
  federated: hiddenResult(),
  difference: nothing(),
  localRounds: 0,
})

export type Updates = (of: { readonly number: number; readonly round: number }) => Uint8Array<ArrayBuffer>

/** Zeros but for the first weight, which moves by a number of the site's and the round's own: no two updates are the same blob. */
export function updatesOf(weights: number): Updates {
  const specs = splitSpecs(studyOf(weights, 1).study.model, 1).shared
  const dimension = dimensionOf(specs)
  const facts = { numExamples: patients, measurements: {} }
  const template = encodeUpdate(unflatten(specs, new Float32Array(dimension)), facts)
  return ({ number, round }) => {
    const update = new Uint8Array(template)
    const change = (round * 2 ** 14 + number) * 2 ** -34
    new DataView(update.buffer).setFloat32(update.length - 4 * dimension, change, true)
    return update
  }
}
