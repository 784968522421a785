/** The model for prediction. */
import type { Activation } from '../study/layers.ts'
import type { Loss } from '../study/loss.ts'
import type { ModelSpec } from '../study/model.ts'
import { type Outcome, outcomeOf } from '../study/outcome.ts'
import { graphBuilder } from './builder.ts'
import type { Graph } from './ir.ts'
import { appendActivation } from './layers/activation.ts'
import { extentsOf, type Inputs, networkOf, weightSpecs } from './network.ts'
import { appendLevels, appendScale, pixelScaleInputs } from './pixels.ts'

/** What turns logits into what a person is told: a probability, one for each class, or the value itself. */
export const outputActivation = (loss: Loss): Activation => outcomeActivation[outcomeOf(loss)]
const outcomeActivation: Record<Outcome, Activation> = {
  binary: 'sigmoid',
  multiclass: 'softmax',
  regression: 'linear',
  survival: 'linear',
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
export function predictionGraph({ model, inputs, pixels = false, loss, groups, rows }: PredictionOptions): Graph {
  const b = graphBuilder()
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
  const logits = networkOf(model, inputs).append(b, x, group === undefined ? {} : { group, personal: model.personal })
  const activated = appendActivation(b, logits, outputActivation(loss))
  return b.build('prediction', [b.node('Identity', [activated], { name: 'prediction' })])
}
