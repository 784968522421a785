/** Tensors of a file that are learnt: each by itself, and back in the file when they have been. */
import { type NamedTensor, sizeOf } from '../../weights.ts'
import type { Model } from '../decode-model.ts'
import type { Graph, Tensor } from '../ir.ts'
import { shown } from '../shown.ts'
import { invalid } from './known.ts'

export type FloatTensor = Extract<Tensor, { type: 'float32' }>

export const isFloat = (tensor: Tensor): tensor is FloatTensor => tensor.type === 'float32'

/** Exporters write equal tensors once, and name the others by an Identity of it: each is a tensor of its own to what learns. */
export function withOwnWeights(graph: Graph): Graph {
  const floats = new Map(graph.initializers.flatMap((tensor) => (isFloat(tensor) ? [[tensor.name, tensor]] : [])))
  const copies: Tensor[] = []
  const nodes = graph.nodes.filter(({ op, domain, inputs, outputs }) => {
    const tensor = op === 'Identity' && domain === '' ? floats.get(inputs[0] ?? '') : undefined
    const [name = ''] = outputs
    if (tensor === undefined || name === '') return true
    copies.push({ ...tensor, name })
    return false
  })
  return { ...graph, nodes, initializers: [...graph.initializers, ...copies] }
}

/**
 * The model as it was in its file, with these values of its weights (network.ts's importModel() names them): what predicts where the model came from. Errors:
 * WR_GRAPH_INVALID for a tensor that the model has not, or that is of another shape there.
 */
export function withWeights({ graph, opset, metadata }: Model, weights: readonly NamedTensor[]): Model {
  const own = withOwnWeights(graph)
  const given = new Map(weights.map((tensor) => [tensor.name, tensor]))
  const initializers = own.initializers.map((tensor): Tensor => {
    const { shape, data } = given.get(tensor.name) ?? {}
    if (shape === undefined || data === undefined) return tensor
    given.delete(tensor.name)
    if (!isFloat(tensor) || shape.join() !== tensor.shape.join() || data.length !== sizeOf(shape))
      throw invalid(`${shown(tensor.name)} is [${tensor.shape.join(', ')}] in the model, and not [${shape.join(', ')}]`)
    return { ...tensor, data }
  })
  for (const name of given.keys()) throw invalid(`the model has no tensor ${shown(name)}`)
  return { graph: { ...own, initializers }, opset, metadata }
}
