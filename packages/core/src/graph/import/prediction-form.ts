/**
 * A model of a file as others run it to predict, for as many examples as they like: in our operator set, without what only training does. Its other nodes stand
 * as they stood in the file; what of them can be worked out once the batch is known, a runtime works out.
 */
import { toTensor } from '../interpreter/values.ts'
import {
  type Attribute,
  type ElementType,
  type Graph,
  int,
  intAttribute,
  type Node,
  type Tensor,
  type ValueInfo,
} from '../ir.ts'
import { dataTypes } from '../onnx-types.ts'
import { type Bare, namesIn } from './bare.ts'
import { constantIn, doubles } from './special.ts'
import { upgraded } from './upgrade.ts'

export type PredictionForm = {
  readonly nodes: readonly Node[]
  readonly initializers: readonly Tensor[]
  readonly input: string
  /** What the file's first output is called. */
  readonly output: string
}

type Naming = (name: string) => string

/** Where nothing is said, what it is in the file. */
export type FormOptions = {
  /** What the example is called. */
  readonly input?: string
  /** What every other name begins with, but those of weights. */
  readonly prefix?: string
  /** Whether constants that are nodes become tensors of the graph, which whoever reads it again takes for weights. */
  readonly loosened?: boolean
  /** What CastLike makes, by its output. */
  readonly types?: ReadonlyMap<string, ElementType>
}

export function predictionForm(
  { graph, opset }: Bare,
  { input, prefix = '', loosened = false, types = new Map() }: FormOptions = {},
): PredictionForm {
  const [example = '', ...weights] = graph.inputs.map(({ name }) => name)
  const kept = new Set(weights)
  const nameOf: Naming = (name) => {
    if (name === '' || kept.has(name)) return name
    return name === example && input !== undefined ? input : `${prefix}${name}`
  }
  let count = 0
  const written = (outer: Graph): Pick<Graph, 'nodes' | 'initializers'> => {
    const initializers = outer.initializers.map((tensor) => ({ ...tensor, name: nameOf(tensor.name) }))
    const nodes: Node[] = []
    for (const each of outer.nodes) {
      if (each.op === 'Constant' && loosened) {
        initializers.push(constantOf(each, nameOf))
        continue
      }
      count += 1
      const { node, constants } = upgraded(forPrediction(each, types), opset, `moved/${count}`)
      initializers.push(...constants.map((tensor) => ({ ...tensor, name: nameOf(tensor.name) })))
      nodes.push({
        ...node,
        inputs: node.inputs.map(nameOf),
        outputs: node.outputs.map(nameOf),
        attributes: Object.fromEntries(
          Object.entries(node.attributes).map(([key, attribute]) => [key, inside(attribute)]),
        ),
      })
    }
    return { nodes, initializers }
  }
  const inside = (attribute: Attribute): Attribute => {
    if (attribute.kind !== 'graph') return attribute
    const { value } = attribute
    const named = (infos: readonly ValueInfo[]): ValueInfo[] =>
      infos.map((info) => ({ ...info, name: nameOf(info.name) }))
    return {
      kind: 'graph',
      value: { ...value, ...written(value), inputs: named(value.inputs), outputs: named(value.outputs) },
    }
  }
  const { nodes, initializers } = written(graph)
  const used = new Set(namesIn(nodes))
  return {
    nodes,
    initializers: initializers.filter(({ name }) => used.has(name)),
    input: nameOf(example),
    output: nameOf(graph.outputs[0]?.name ?? ''),
  }
}

/** Dropout lets everything through, batches are normalised by the running statistics, whichever way the file was exported, and doubles are Float32. */
function forPrediction(node: Node, types: NonNullable<FormOptions['types']>): Node {
  const inputs = node.inputs.slice(0, 1)
  const outputs = node.outputs.slice(0, 1)
  const castTo = (code: number): Node => ({ ...node, op: 'Cast', inputs, outputs, attributes: { to: int(code) } })
  switch (node.op) {
    case 'Dropout':
      return { ...node, op: 'Identity', inputs, outputs, attributes: {} }
    case 'BatchNormalization': {
      const { epsilon } = node.attributes
      return { ...node, outputs, attributes: epsilon === undefined ? {} : { epsilon } }
    }
    case 'Cast':
      return intAttribute(node, 'to', 0) === doubles ? castTo(dataTypes.float32) : node
    case 'CastLike': {
      const type = types.get(outputs[0] ?? '')
      return type === undefined ? node : castTo(dataTypes[type])
    }
    default:
      return node
  }
}

const constantOf = (node: Node, nameOf: Naming): Tensor => toTensor(nameOf(node.outputs[0] ?? ''), constantIn(node))
