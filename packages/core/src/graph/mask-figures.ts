/**
 * How well a model marks images, image by image and label by label: counts of pixels and a loss, so that whoever measures is told no pixel's prediction.
 * metrics/overlap.ts makes figures of them.
 */
import { WardroundError } from '../errors.ts'
import type { Loss } from '../study/loss.ts'
import { lossName, outcomeOf } from '../study/outcome.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { type Graph, int } from './ir.ts'
import { asNumber, type LossInputs, oneHot } from './losses/loss.ts'
import { exampleLoss } from './losses/registry.ts'
import { appendLevels } from './pixels.ts'
import { appendLogits, type PredictionOptions } from './prediction.ts'
import { targetInput } from './step.ts'

/**
 * Inputs those of predictionGraph(), and `target`: label indices uint8 [rows, 1, height, width]. Output `prediction` [rows, 1 + 3·labels]: an image's loss, without penalties; then how
 * many of each label's pixels were found, how many were predicted, and how many there are. The label that is predicted is the most probable one, the first of several that are; of two
 * labels with one output the second from a probability of a half on. Errors: WR_GRAPH_REFUSED for a loss that is not one of masks.
 */
export function maskFiguresGraph(options: PredictionOptions): Graph {
  const { inputs, loss, rows = 'rows' } = options
  const b = graphBuilder()
  const logits = appendLogits(b, options)
  const target = appendLevels(b, b.input(targetInput('segmentation', { inputs, rows })))
  const outputs = Number(b.shape(logits)[1])
  const labels = Math.max(2, outputs)
  const predicted =
    outputs === 1
      ? asNumber(b, b.node('GreaterOrEqual', [logits, b.scalar(0)]))
      : asNumber(b, b.node('ArgMax', [logits], { attributes: { axis: int(1) } }))
  const [marked, truth] = [oneHot(b, predicted, labels), oneHot(b, target, labels)]
  const pixels = (of: string): string => b.node('ReduceSum', [of, b.axes([2, 3])], { attributes: { keepdims: int(0) } })
  const figures = [
    lossOfEach(b, loss, { logits, target }),
    pixels(b.node('Mul', [marked, truth])),
    pixels(marked),
    pixels(truth),
  ]
  return b.build('masks', [b.node('Concat', figures, { attributes: { axis: int(1) }, name: 'prediction' })])
}

/** [rows, 1]: the mean over the classes, each alike. */
function lossOfEach(b: GraphBuilder, loss: Loss, inputs: LossInputs): string {
  if (outcomeOf(loss) !== 'segmentation' || loss === 'coxPartialLikelihood')
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: `${lossName(loss)} is not a loss of masks` })
  return b.node('ReduceMean', [exampleLoss(b, loss, inputs), b.axes([1])], { attributes: { keepdims: int(1) } })
}
