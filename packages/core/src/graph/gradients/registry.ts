/** Every operator that can be differentiated, with its rule. */
import { activationGradients } from './activations.ts'
import { convolutionGradients } from './convolution.ts'
import { elementwiseGradients } from './elementwise.ts'
import { indexingGradients } from './indexing.ts'
import { matMulGradients } from './matmul.ts'
import { movementGradients } from './movement.ts'
import { normalizationGradients } from './normalization.ts'
import { poolingGradients } from './pooling.ts'
import { gru } from './recurrent/gru.ts'
import { lstm } from './recurrent/lstm.ts'
import { rnn } from './recurrent/rnn.ts'
import { reductionGradients } from './reduction.ts'
import { resamplingGradients } from './resampling.ts'
import type { GradientRule } from './rule.ts'
import { softmaxGradients } from './softmax.ts'
import { splittingGradients } from './splitting.ts'
import { trigonometryGradients } from './trigonometry.ts'

export const gradientRules: Readonly<Record<string, GradientRule>> = {
  ...elementwiseGradients,
  ...activationGradients,
  ...matMulGradients,
  ...softmaxGradients,
  ...reductionGradients,
  ...movementGradients,
  ...convolutionGradients,
  ...poolingGradients,
  ...resamplingGradients,
  ...indexingGradients,
  ...normalizationGradients,
  ...trigonometryGradients,
  RNN: rnn,
  GRU: gru,
  LSTM: lstm,
  ...splittingGradients,
}
