/** The model for prediction. */
import type { Activation } from '../study/layers.ts'
import { type Loss, type Outcome, outcomeOf } from '../study/loss.ts'
import type { ModelSpec } from '../study/model.ts'
import { graphBuilder } from './builder.ts'
import type { Graph } from './ir.ts'
import { appendActivation } from './layers/activation.ts'
import { extentsOf, type Inputs, networkOf, weightSpecs } from './network.ts'

/** What turns logits into what a person is told: a probability, one for each class, or the value itself. */
export const outputActivation = (loss: Loss): Activation => outcomeActivation[outcomeOf(loss)]
const outcomeActivation: Record<Outcome, Activation> = {
  binary: 'sigmoid',
  multiclass: 'softmax',
  regression: 'linear',
}

export type PredictionOptions = {
  readonly model: ModelSpec
  readonly inputs: Inputs
  readonly loss: Loss
  readonly groups?: number
  /** Examples at a time, where the model must be told (a file's must). */
  readonly rows?: number | undefined
}

/**
 * Inputs `features` [rows, …inputs] and every weight (and `group` int32 [rows] with `groups`);
 * output `prediction` [rows, …outputs].
 */
export function predictionGraph({ model, inputs, loss, groups, rows }: PredictionOptions): Graph {
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: [rows ?? 'rows', ...extentsOf(inputs)] })
  for (const { name, shape } of weightSpecs(model, inputs, groups)) b.input({ name, type: 'float32', shape })
  const grouped =
    groups === undefined
      ? {}
      : { group: b.input({ name: 'group', type: 'int32', shape: [rows ?? 'rows'] }), personal: model.personal }
  const logits = networkOf(model, inputs).append(b, x, grouped)
  const activated = appendActivation(b, logits, outputActivation(loss))
  return b.build('prediction', [b.node('Identity', [activated], { name: 'prediction' })])
}
