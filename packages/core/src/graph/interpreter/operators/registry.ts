/** The operators of the reference interpreter. */
import { activationOperators } from './activations.ts'
import { convolution, transposedConvolution } from './convolution.ts'
import { elementwiseOperators } from './elementwise.ts'
import { fillingOperators } from './filling.ts'
import { indexingOperators } from './indexing.ts'
import { matMulOperators } from './matmul.ts'
import { movementOperators } from './movement.ts'
import { normalizationOperators } from './normalization.ts'
import type { Operators } from './operator.ts'
import { poolingOperators } from './pooling.ts'
import { recurrentOperators } from './recurrent.ts'
import { reductionOperators } from './reduction.ts'
import { resamplingOperators } from './resampling.ts'
import { samplingOperators } from './sampling.ts'
import { splittingOperators } from './splitting.ts'

export const operators: Operators = {
  ...elementwiseOperators,
  ...activationOperators,
  ...matMulOperators,
  ...reductionOperators,
  ...movementOperators,
  ...poolingOperators,
  ...resamplingOperators,
  ...samplingOperators,
  ...indexingOperators,
  ...normalizationOperators,
  ...splittingOperators,
  ...fillingOperators,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  ...recurrentOperators,
}
