/** Whether a model's layers, its loss, and the weights that a study names fit together. */
import type { Activation } from '../study/layers.ts'
import type { Loss } from '../study/loss.ts'
import type { ModelSpec } from '../study/model.ts'
import { lossName, type Outcome, outcomeOf } from '../study/outcome.ts'
import { sizeOf } from '../weights.ts'
import { misfit, type WeightSpec } from './layers/layer.ts'
import { kindOf } from './layers/resolve.ts'
import { type Inputs, isNamed, type Network, networkOf, weightSpecs } from './network.ts'

/** Errors: WR_STUDY_INVALID. */
export function checkModel(model: ModelSpec, { inputs, loss }: { inputs: Inputs; loss: Loss }): void {
  const last = model.layers.at(-1)
  if (last !== undefined && kindOf(last) === 'dropout') throw misfit('model.layers', 'a model cannot end in dropout')
  const network = networkOf(model, inputs)
  checkOutputs(network, loss)
  const specs = weightSpecs(model, inputs)
  checkNames(model, network.weights)
  for (const { name, shape } of specs) {
    const given = model.start?.[name]
    if (given !== undefined && given.length !== sizeOf(shape))
      throw misfit('model.start', `${name} has ${sizeOf(shape)} values (${shape.join(' by ')}), not ${given.length}`)
  }
}

/** The last layer's activations: that of the outcome, or none, which means the same. */
const fitting: Record<Outcome, readonly Activation[]> = {
  binary: ['linear', 'sigmoid'],
  multiclass: ['linear', 'softmax'],
  regression: ['linear'],
}

function checkOutputs({ weights, activation, output }: Network, loss: Loss): void {
  if (!weights.some(({ learnt }) => learnt)) throw misfit('model.layers', 'no layer has weights that are learnt')
  const [outcome, name] = [outcomeOf(loss), lossName(loss)]
  if (!fitting[outcome].includes(activation)) {
    throw misfit(
      'model.layers',
      `with ${name} the last layer's activation is ${fitting[outcome].join(' or ')}, not ${activation}`,
    )
  }
  const wanted = outcome === 'multiclass' ? 'one output a class' : 'one output'
  const [outputs = 0] = output
  if (output.length !== 1)
    throw misfit('model.layers', `with ${name} the last layer has ${wanted}, not [${output.join(', ')}]`)
  if (outcome === 'multiclass' ? outputs < 2 : outputs !== 1)
    throw misfit('model.layers', `with ${name} the last layer has ${wanted}, not ${outputs}`)
}

function checkNames({ personal, start, frozen = [] }: ModelSpec, specs: readonly WeightSpec[]): void {
  const names = specs.map(({ name }) => name)
  for (const [field, named] of Object.entries({ personal, start: Object.keys(start ?? {}) })) {
    const unknown = named.find((name) => !names.includes(name))
    if (unknown !== undefined)
      throw misfit(`model.${field}`, `there is no weight ${unknown}; there are ${names.join(', ')}`)
  }
  // By the study, or by an adapter of their layer.
  const held = (name: string): boolean => specs.some((spec) => spec.name === name && spec.frozen === true)
  const idle = frozen.find((pattern) => !names.some((name) => isNamed(name, pattern)))
  if (idle !== undefined) throw misfit('model.frozen', `there is no weight ${idle}; there are ${names.join(', ')}`)
  const both = personal.find(held)
  if (both !== undefined) throw misfit('model.personal', `${both} is frozen, and can be nobody's own`)
  if (names.every((name) => personal.includes(name) || held(name)))
    throw misfit('model.personal', 'nothing is left to share')
}
