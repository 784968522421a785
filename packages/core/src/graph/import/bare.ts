/** A model of a file without the values of its weights: these are inputs of its graph, behind the one that an example goes into. */
import { sizeOf } from '../../weights.ts'
import type { Model } from '../decode-model.ts'
import type { Graph, Node, ValueInfo } from '../ir.ts'
import { shown } from '../shown.ts'
import { refused } from './known.ts'
import { type FloatTensor, isFloat, withOwnWeights } from './own-weights.ts'
import { type Role, rolesOf } from './roles.ts'

export type Bare = Pick<Model, 'graph' | 'opset'>

/** Tensors are those of the file, in its order, and have its memory. Errors: WR_GRAPH_REFUSED for several inputs, or none. */
export function bareOf({ graph: written, opset }: Model): {
  readonly bare: Bare
  readonly weights: readonly FloatTensor[]
} {
  const graph = withOwnWeights(written)
  const input = inputOf(graph)
  const weights = weightsOf(graph)
  const apart = new Set(weights.map(({ name }) => name))
  const used = new Set(namesIn(graph.nodes))
  const bare = {
    ...graph,
    inputs: [input, ...weights.map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))],
    initializers: graph.initializers.filter(({ name }) => !apart.has(name) && used.has(name)),
  }
  return { bare: { graph: bare, opset }, weights }
}

/** The one input that is no weight. */
function inputOf(graph: Graph): ValueInfo {
  const given = new Set(graph.initializers.map(({ name }) => name))
  const inputs = graph.inputs.filter(({ name }) => !given.has(name))
  const [input] = inputs
  if (input === undefined || inputs.length > 1)
    throw refused(`it has ${inputs.length} inputs (${inputs.map(({ name }) => shown(name)).join(', ')}), and not one`)
  return input
}

/** Floats that a node uses; but for constants that exporters made up. */
function weightsOf(graph: Graph): readonly FloatTensor[] {
  const roles = rolesOf(graph.nodes)
  return graph.initializers.flatMap((tensor) =>
    isFloat(tensor) && isWeight(tensor, roles.get(tensor.name)) ? [tensor] : [],
  )
}

function isWeight({ name, shape }: FloatTensor, role: Role | undefined): boolean {
  if (role === undefined || sizeOf(shape) === 0) return false
  return role !== 'other' || !(/^val_\d+$/.test(name) || shape.length === 0)
}

/** Whatever nodes use, those of branches too. */
export const namesIn = (nodes: readonly Node[]): readonly string[] =>
  nodes.flatMap(({ inputs, attributes }) => [
    ...inputs,
    ...Object.values(attributes).flatMap((attribute) =>
      attribute.kind === 'graph'
        ? [...namesIn(attribute.value.nodes), ...attribute.value.outputs.map(({ name }) => name)]
        : [],
    ),
  ])

/** The same with other names for its weights. */
export function renamed(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const nameOf = (name: string): string => names.get(name) ?? name
  const values = (infos: readonly ValueInfo[]): ValueInfo[] =>
    infos.map((info) => ({ ...info, name: nameOf(info.name) }))
  return {
    ...graph,
    inputs: values(graph.inputs),
    outputs: values(graph.outputs),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(nameOf),
      attributes: Object.fromEntries(
        Object.entries(node.attributes).map(([key, attribute]) => [
          key,
          attribute.kind === 'graph' ? { ...attribute, value: renamed(attribute.value, names) } : attribute,
        ]),
      ),
    })),
  }
}
