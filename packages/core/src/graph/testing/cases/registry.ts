/** Random uses of every operator. Values are multiples of 1/64, exact in Float32. */
import type { Case, Draw } from '../draws.ts'
import { activationCases } from './activations.ts'
import { elementwiseCases } from './elementwise.ts'
import { fillingCases } from './filling.ts'
import { indexingCases } from './indexing.ts'
import type { Cases, Maker } from './maker.ts'
import { matMulCases } from './matmul.ts'
import { movementCases } from './movement.ts'
import { normalizationCases } from './normalization.ts'
import { poolingCases } from './pooling.ts'
import { recurrentCases } from './recurrent.ts'
import { reductionCases } from './reduction.ts'
import { resamplingCases } from './resampling.ts'
import { samplingCases } from './sampling.ts'
import { splittingCases } from './splitting.ts'
import { windowCases } from './windows.ts'

const families: readonly Cases[] = [
  elementwiseCases,
  activationCases,
  matMulCases,
  reductionCases,
  movementCases,
  windowCases,
  poolingCases,
  resamplingCases,
  samplingCases,
  indexingCases,
  normalizationCases,
  recurrentCases,
  splittingCases,
  fillingCases,
]

export const operatorCases: Cases['operators'] = Object.assign({}, ...families.map(({ operators }) => operators))
export const gradientCases: Cases['gradients'] = Object.assign({}, ...families.map(({ gradients }) => gradients))

/** A random use of `op` out of a table. */
export function drawCase(g: Draw, op: string, table: Readonly<Record<string, Maker>>): Case {
  const make = Object.hasOwn(table, op) ? table[op] : undefined
  if (make === undefined) throw new TypeError(`there is no case for ${op}`)
  return { op, ...make(g) }
}
