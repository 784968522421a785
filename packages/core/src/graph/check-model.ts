/** Whether a model, its loss, and the weights that a study names fit together. */
import { WardroundError } from '../errors.ts'
import type { Activation } from '../study/layers.ts'
import type { Loss } from '../study/loss.ts'
import type { ImportedModel, ModelSpec } from '../study/model.ts'
import { startIn } from '../study/model-forms.ts'
import { lossName, type Outcome, outcomeOf } from '../study/outcome.ts'
import { sizeOf } from '../weights.ts'
import { importedWords } from '../words/en/imported.ts'
import { hiddenActivation, softmaxAxis } from './import/last-activation.ts'
import { plannedGraph } from './import/planned.ts'
import { obstaclesToGradients } from './inspect/gradients.ts'
import { type Extents, misfit, type WeightSpec } from './layers/layer.ts'
import { kindOf } from './layers/resolve.ts'
import { extentsOf, type Inputs, isNamed, type Network, networkOf, weightSpecs } from './network.ts'

/** Errors: WR_STUDY_INVALID. */
export function checkModel(model: ModelSpec, { inputs, loss }: { inputs: Inputs; loss: Loss }): void {
  const network = checkedNetwork(model, inputs)
  checkInputs(model, network, inputs)
  checkOutputs(model, network, { inputs, loss })
  checkNames(model, network.weights)
  checkStart(model, inputs)
}

/** The field that says what the network is. */
export const modelField = (model: ModelSpec): string => ('onnx' in model ? 'model.onnx' : 'model.layers')

/** A file that cannot be trained is a study that is not valid. */
function checkedNetwork(model: ModelSpec, inputs: Inputs): Network {
  if (!('onnx' in model)) {
    const last = model.layers.at(-1)
    if (last !== undefined && kindOf(last) === 'dropout') throw misfit('model.layers', 'a model cannot end in dropout')
    return networkOf(model, inputs)
  }
  try {
    const network = networkOf(model, inputs)
    const obstacles = obstaclesToGradients(network)
    if (obstacles.length > 0) throw misfit('model.onnx', importedWords.untrainable(obstacles))
    return network
  } catch (error) {
    if (!(error instanceof WardroundError) || !error.code.startsWith('WR_GRAPH_')) throw error
    throw misfit('model.onnx', String(error.parameters.problem))
  }
}

/** Whether an example of the study is one to the model. Layers take whatever there is. Errors: WR_STUDY_INVALID. */
function checkInputs(model: ModelSpec, { input }: Network, inputs: Inputs): void {
  const wanted = extentsOf(inputs)
  if (input.join() !== wanted.join()) throw misfit(modelField(model), importedWords.otherInput(input, wanted))
}

function checkStart(model: ModelSpec, inputs: Inputs): void {
  const start = startIn(model)
  for (const { name, shape } of weightSpecs(model, inputs)) {
    const given = start[name]
    if (given !== undefined && given.length !== sizeOf(shape))
      throw misfit('model.start', `${name} has ${sizeOf(shape)} values (${shape.join(' by ')}), not ${given.length}`)
  }
}

/** The last layer's activations: that of the outcome, or none, which means the same. */
const fitting: Record<Exclude<Outcome, 'segmentation'>, readonly Activation[]> = {
  binary: ['linear', 'sigmoid'],
  multiclass: ['linear', 'softmax'],
  regression: ['linear'],
  survival: ['linear'],
}

/** A layer's softmax is over the last axis, and the classes of a pixel are not along that one. */
function fittingFor(model: ModelSpec, loss: Loss, [outputs]: Extents): readonly Activation[] {
  const outcome = outcomeOf(loss)
  if (outcome !== 'segmentation') return fitting[outcome]
  return outputs === 1 ? fitting.binary : 'onnx' in model ? fitting.multiclass : ['linear']
}

/** What an example is, and what is said of one. */
type Ends = { readonly inputs: Inputs; readonly loss: Loss }

function checkOutputs(model: ModelSpec, network: Network, ends: Ends): void {
  if ('onnx' in model) {
    checkEnd(model, network, ends)
    return
  }
  const { weights, activation, output } = network
  if (!weights.some(({ learnt }) => learnt)) throw misfit('model.layers', 'no layer has weights that are learnt')
  const [name, possible] = [lossName(ends.loss), fittingFor(model, ends.loss, output)]
  if (!possible.includes(activation)) {
    throw misfit(
      'model.layers',
      `with ${name} the last layer's activation is ${possible.join(' or ')}, not ${activation}`,
    )
  }
  if (!isWanted(output, ends)) {
    const made = output.length === 1 ? output[0] : `[${output.join(', ')}]`
    throw misfit('model.layers', `with ${name} the last layer has ${wantedOutputs(ends)}, not ${made}`)
  }
}

function wantedOutputs({ inputs, loss }: Ends): string {
  const outcome = outcomeOf(loss)
  if (outcome !== 'segmentation') return outcome === 'multiclass' ? 'one output a class' : 'one output'
  const [, ...space] = extentsOf(inputs)
  return `one output a label, or of two labels one, for each pixel: [labels, ${space.join(', ')}]`
}

function isWanted(output: Extents, { inputs, loss }: Ends): boolean {
  const [[outputs = 0, ...space], [, ...wanted], outcome] = [output, extentsOf(inputs), outcomeOf(loss)]
  if (outcome === 'segmentation') return outputs >= 1 && space.length === 2 && space.join() === wanted.join()
  return space.length === 0 && (outcome === 'multiclass' ? outputs >= 2 : outputs === 1)
}

/** A file ends in logits, or in the activation that the loss does by itself. */
function checkEnd(model: ImportedModel, { activation, output }: Network, ends: Ends): void {
  const [outcome, name, possible] = [outcomeOf(ends.loss), lossName(ends.loss), fittingFor(model, ends.loss, output)]
  if (!possible.includes(activation)) throw misfit('model.onnx', importedWords.activation(name, possible, activation))
  const hidden =
    activation === 'linear' && outcome !== 'regression' ? hiddenActivation(plannedGraph(model.onnx)) : undefined
  if (hidden !== undefined) throw misfit('model.onnx', importedWords.hidden(hidden))
  const axis = softmaxAxis(plannedGraph(model.onnx), output.length + 1)
  if (axis !== undefined && axis !== 1) throw misfit('model.onnx', importedWords.softmaxAxis(axis))
  if (!isWanted(output, ends)) throw misfit('model.onnx', importedWords.outputs(name, wantedOutputs(ends), output))
}

function checkNames(model: ModelSpec, specs: readonly WeightSpec[]): void {
  const { personal, frozen = [] } = model
  const start = Object.keys(startIn(model))
  const names = specs.map(({ name }) => name)
  for (const [field, named] of Object.entries({ personal, start })) {
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
