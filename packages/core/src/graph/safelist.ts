/** What a site lets ONNX Runtime execute: known operators of ONNX's own domain, within bounds. Everything else is refused. */
import { WardroundError } from '../errors.ts'
import { sizeOf } from '../weights.ts'
import type { Graph, Node } from './ir.ts'
import { shapedOperators } from './shapes/registry.ts'
import { shown } from './shown.ts'

export type GraphLimits = { readonly nodes: number; readonly depth: number; readonly tensorValues: number }

export const graphLimits: GraphLimits = { nodes: 20_000, depth: 3, tensorValues: 2 ** 28 }

/** Operators beyond those with a shape rule: control flow that we build ourselves. */
export const allowedOperators: ReadonlySet<string> = new Set([...shapedOperators, 'Scan'])

/** Errors: WR_GRAPH_REFUSED, naming the first thing that is not allowed; WR_GRAPH_INVALID for a value nobody defines. */
export function checkGraph(graph: Graph, limits: GraphLimits = graphLimits): void {
  const used = { nodes: 0, values: 0 }
  checkLevel(graph, { limits, used, depth: 1, around: () => false })
}

type Level = {
  limits: GraphLimits
  used: { nodes: number; values: number }
  depth: number
  /** Whether a surrounding graph has the value. */
  around: (name: string) => boolean
}

function checkLevel(graph: Graph, level: Level): void {
  const { limits, used, depth, around } = level
  if (depth > limits.depth) throw refused(`graphs are nested deeper than ${limits.depth}`)
  const own = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name))
  const isKnown = (name: string): boolean => own.has(name) || around(name)
  for (const tensor of graph.initializers) {
    used.values += sizeOf(tensor.shape)
    if (used.values > limits.tensorValues) throw refused(`its constants hold more than ${limits.tensorValues} values`)
  }
  for (const node of graph.nodes) {
    used.nodes += 1
    if (used.nodes > limits.nodes) throw refused(`it has more than ${limits.nodes} nodes`)
    checkNode(node, isKnown)
    for (const attribute of Object.values(node.attributes)) {
      if (attribute.kind === 'graph') checkLevel(attribute.value, { ...level, depth: depth + 1, around: isKnown })
    }
    for (const output of node.outputs) own.add(output)
  }
  for (const { name } of graph.outputs) if (!isKnown(name)) throw invalid(`nothing computes the output ${shown(name)}`)
}

function checkNode(node: Node, isKnown: (name: string) => boolean): void {
  if (node.domain !== '' || !allowedOperators.has(node.op)) {
    const name = node.domain === '' ? node.op : `${node.domain}.${node.op}`
    throw refused(`the operator ${shown(name)} is not on the list of allowed ones`)
  }
  for (const input of node.inputs)
    if (input !== '' && !isKnown(input))
      throw invalid(`${node.op} uses ${shown(input)}, which nothing before it computes`)
}

const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })
const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })
