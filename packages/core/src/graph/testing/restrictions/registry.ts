/** Every restriction of every operator, by the name that words/en/operators.ts has for it. */
import { int } from '../../ir.ts'
import { allowedOperators } from '../../safelist.ts'
import { fillingRestrictions } from './files.ts'
import { indexingRestrictions, normalizationRestrictions, recurrentRestrictions } from './layers.ts'
import { movementRestrictions, older, reduction } from './movement.ts'
import { INVALID, matrix, number, REFUSED, type Rows, scalar, uses } from './row.ts'
import { resizeRestrictions, samplingRestrictions, windowRestrictions } from './windows.ts'

export const restrictions: Readonly<Record<string, Rows>> = {
  Clip: {
    trainedBounds: uses(
      REFUSED,
      { inputs: [matrix, number(0), number(1)], trained: 0 },
      { inputs: [matrix, [], number(1)] },
      { inputs: [matrix, number(0), []] },
    ),
  },
  Cast: {
    type: uses(
      INVALID,
      { inputs: [matrix], attributes: { to: int(1) } },
      // Float16, Float64, Complex64, BFloat16, int8.
      ...[10, 11, 14, 16, 3].map((to) => ({ attributes: { to: int(to) } })),
    ),
  },
  ...Object.fromEntries(
    [...allowedOperators].filter((op) => op.startsWith('Reduce')).map((op) => [op, reduction] as const),
  ),
  ...Object.fromEntries(['Softmax', 'LogSoftmax', 'Hardmax'].map((op) => [op, older])),
  CumSum: { axis: uses(INVALID, { inputs: [matrix, scalar] }, { inputs: [matrix, { computed: [] }] }) },
  ...movementRestrictions,
  ...windowRestrictions,
  GridSample: samplingRestrictions,
  Resize: resizeRestrictions,
  ...indexingRestrictions,
  ...normalizationRestrictions,
  ...recurrentRestrictions,
  ...fillingRestrictions,
}
