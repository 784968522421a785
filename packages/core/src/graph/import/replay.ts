/**
 * Appends a model from a file to a graph, node by node, as a training graph needs it: what follows from constants and shapes is worked out, branches are
 * taken, and what only prediction would do (dropout that does nothing, fixed statistics) is done as training does it.
 */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Graph, Node } from '../ir.ts'
import type { Context } from '../layers/layer.ts'
import { requireArity } from '../shapes/arity.ts'
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
  readonly watch?: Watch | undefined
}

/** Looks on, and lets the replay go on where it would stop: nodes that need what could not be appended are left out. */
export type Watch = {
  appended(node: Node, replay: Replay): void
  failed(node: Node, error: WardroundError): void
}

/** Nodes inside one another, branches included. */
const mostNodes = 20_000

/** The names, in `b`, of the model's outputs. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function replay(b: GraphBuilder, options: ReplayOptions): readonly string[] {
  const { graph, opset, names, context, watch } = options
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
        if (watch === undefined) appendNode(state, node)
        else appendWatched(state, node, { watch, lost })
      }
    },
  }
  const lost = new Set<string>()
  state.append(graph.nodes)
  if (graph.outputs.some(({ name }) => lost.has(name))) throw refused('its output could not be computed')
  return graph.outputs.map(({ name }) => values.inGraph(name))
}

type Watched = { readonly watch: Watch; readonly lost: Set<string> }

function appendWatched(state: Replay, node: Node, { watch, lost }: Watched): void {
  const lose = (): void => {
    for (const name of node.outputs) lost.add(name)
  }
  if (node.inputs.some((name) => lost.has(name))) {
    lose()
    return
  }
  const lostBefore = lost.size
  try {
    appendNode(state, node)
    watch.appended(node, state)
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error
    // A branch whose nodes failed has told of them already.
    if (lost.size === lostBefore) watch.failed(node, error)
    lose()
  }
}

function appendNode(state: Replay, node: Node): void {
  if (node.domain !== '') throw refused(`the operator ${node.domain}.${node.op} is not one of ONNX's own`)
  if (shapedOperators.has(node.op))
    requireArity(
      node,
      node.inputs.map((name) => (name === '' ? undefined : name)),
    )
  const special = Object.hasOwn(specialNodes, node.op) ? specialNodes[node.op] : undefined
  if (special !== undefined) {
    special(node, state)
    return
  }
  if (!shapedOperators.has(node.op)) throw refused(`the operator ${node.op} is not on the list of allowed ones`)
  appendPlain(state, node)
}
