/** The operators of the reference interpreter. */
import { activationOperators } from './activations.ts'
import { convolution, transposedConvolution } from './convolution.ts'
import { elementwiseOperators } from './elementwise.ts'
import { matMulOperators } from './matmul.ts'
import { movementOperators } from './movement.ts'
import type { Operators } from './operator.ts'
import { recurrentOperators } from './recurrent.ts'
import { reductionOperators } from './reduction.ts'

export const operators: Operators = {
  ...elementwiseOperators,
  ...activationOperators,
  ...matMulOperators,
  ...reductionOperators,
  ...movementOperators,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  ...recurrentOperators,
}
