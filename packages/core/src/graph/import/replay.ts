/**
 * Appends a model from a file to a graph, node by node, as a training graph needs it: what follows from constants and shapes is worked out, branches are
 * taken, and what only prediction would do (dropout that does nothing, fixed statistics) is done as training does it.
 */
import type { GraphBuilder } from '../builder.ts'
import type { Graph, Node } from '../ir.ts'
import type { Context } from '../layers/layer.ts'
import { shapedOperators } from '../shapes/registry.ts'
import { folder } from './fold.ts'
import { constantOf, refused, valuesIn } from './known.ts'
import { appendPlain, type Replay } from './plain.ts'
import { specialNodes } from './special.ts'
import { upgraded } from './upgrade.ts'

export type ReplayOptions = {
  readonly graph: Graph
  readonly opset: number
  /** What the file's inputs and weights are called in the graph. */
  readonly names: ReadonlyMap<string, string>
  readonly context: Context
}

/** Nodes inside one another, branches included. */
const mostNodes = 20_000

/** The names, in `b`, of the model's outputs. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function replay(b: GraphBuilder, { graph, opset, names, context }: ReplayOptions): readonly string[] {
  const values = valuesIn(b)
  for (const [name, inGraph] of names) values.set(name, { name: inGraph })
  for (const tensor of graph.initializers)
    if (!values.has(tensor.name)) values.set(tensor.name, { constant: constantOf(tensor) })
  let count = 0
  const state: Replay = {
    b,
    values,
    folder: folder(),
    opset,
    context,
    append(nodes) {
      for (const written of nodes) {
        count += 1
        if (count > mostNodes) throw refused(`it has more than ${mostNodes} nodes`)
        const { node, constants } = upgraded(written, opset, `wardround/moved/${count}`)
        for (const tensor of constants) values.set(tensor.name, { constant: constantOf(tensor) })
        appendNode(state, node)
      }
    },
  }
  state.append(graph.nodes)
  return graph.outputs.map(({ name }) => values.inGraph(name))
}

function appendNode(state: Replay, node: Node): void {
  if (node.domain !== '') throw refused(`the operator ${node.domain}.${node.op} is not one of ONNX's own`)
  const special = Object.hasOwn(specialNodes, node.op) ? specialNodes[node.op] : undefined
  if (special !== undefined) {
    special(node, state)
    return
  }
  if (!shapedOperators.has(node.op)) throw refused(`the operator ${node.op} is not on the list of allowed ones`)
  appendPlain(state, node)
}
