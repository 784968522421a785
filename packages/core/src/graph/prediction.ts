/** The model for prediction. */
import type { Activation } from '../study/layers.ts'
import type { Loss } from '../study/loss.ts'
import type { ModelSpec } from '../study/model.ts'
import { type Outcome, outcomeOf } from '../study/outcome.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { type Graph, int } from './ir.ts'
import { appendActivation } from './layers/activation.ts'
import { extentsOf, type Inputs, networkOf, weightSpecs } from './network.ts'
import { appendLevels, appendScale, pixelScaleInputs } from './pixels.ts'

/** What turns logits [batch, outputs, …] into what a person is told: a probability, one for each class, or the value itself. */
export function outputActivation(loss: Loss, outputs: number): Activation {
  const outcome = outcomeOf(loss)
  if (outcome === 'segmentation') return outputs === 1 ? 'sigmoid' : 'softmax'
  return outcomeActivation[outcome]
}
const outcomeActivation: Record<Exclude<Outcome, 'segmentation'>, Activation> = {
  binary: 'sigmoid',
  multiclass: 'softmax',
  regression: 'linear',
  survival: 'linear',
}

/** From logits to predictions; classes are told apart along axis 1, the pixels of an image behind it. */
export function appendOutputs(b: GraphBuilder, logits: string, loss: Loss): string {
  const [, outputs = 1, ...space] = b.shape(logits)
  const activation = outputActivation(loss, Number(outputs))
  return activation === 'softmax' && space.length > 0
    ? b.node('Softmax', [logits], { attributes: { axis: int(1) } })
    : appendActivation(b, logits, activation)
}

export type PredictionOptions = {
  readonly model: ModelSpec
  readonly inputs: Inputs
  /** Whether features are an image's levels. */
  readonly pixels?: boolean
  readonly loss: Loss
  readonly groups?: number
  /** Examples at a time, where the model must be told (a file's must). */
  readonly rows?: number | undefined
}

/**
 * Inputs `features` [rows, …inputs] (of images uint8, with what they are scaled by: pixels.ts) and every weight (and `group` int32 [rows] with `groups`);
 * output `prediction` [rows, …outputs].
 */
export function predictionGraph(options: PredictionOptions): Graph {
  const b = graphBuilder()
  const outputs = appendOutputs(b, appendLogits(b, options), options.loss)
  return b.build('prediction', [b.node('Identity', [outputs], { name: 'prediction' })])
}

/** The inputs of predictionGraph(), and what the network makes of them: its logits. */
export function appendLogits(
  b: GraphBuilder,
  { model, inputs, pixels = false, groups, rows }: PredictionOptions,
): string {
  const many = rows ?? 'rows'
  const features = b.input({
    name: 'features',
    type: pixels ? 'uint8' : 'float32',
    shape: [many, ...extentsOf(inputs)],
  })
  if (pixels) for (const value of pixelScaleInputs(extentsOf(inputs), groups)) b.input(value)
  for (const { name, shape } of weightSpecs(model, inputs, groups)) b.input({ name, type: 'float32', shape })
  const group = groups === undefined ? undefined : b.input({ name: 'group', type: 'int32', shape: [many] })
  const own = group === undefined ? {} : { group }
  const x = pixels ? appendScale(b, appendLevels(b, features), own) : features
  return networkOf(model, inputs).append(b, x, group === undefined ? {} : { group, personal: model.personal })
}
