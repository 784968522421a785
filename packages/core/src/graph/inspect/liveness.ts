/**
 * The most memory that the values of a graph take at any time, if each lives from the node that makes it to the last that uses it, and nodes run in their order. An
 * estimate: a runtime may write a result over an operand, and it needs room of its own beside.
 */
import { sizeOf } from '../../weights.ts'
import type { ElementType, Graph, Node } from '../ir.ts'
import type { TypedGraph } from './probe-step.ts'

const bytesEach: Readonly<Record<ElementType, number>> = {
  float32: 4,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
  string: 0,
}

/** Only says anew what a value is: no runtime copies for it. */
const views = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'])

export type Peak = {
  /** Inputs and constants, which are there all the time. */
  readonly givenBytes: number
  /** What the nodes make, at the worst moment. */
  readonly madeBytes: number
}

/** Every extent must be known. */
export function peakOf({ graph, info }: TypedGraph): Peak {
  const bytesOf = (name: string): number => {
    const { type, shape } = info(name)
    return sizeOf(shape.map(Number)) * bytesEach[type]
  }
  const given = [...graph.inputs, ...graph.initializers].map(({ name }) => name)
  const owners = ownersOf(graph)
  const lastUse = lastUses(graph, owners)
  let [live, madeBytes] = [0, 0]
  for (const [index, node] of graph.nodes.entries()) {
    const made = node.outputs.filter((name) => owners.get(name) === name)
    for (const name of made) live += bytesOf(name)
    madeBytes = Math.max(madeBytes, live)
    const read = [...node.inputs, ...inside(node), ...made].flatMap((name) => owners.get(name) ?? [])
    for (const name of new Set(read)) if (lastUse.get(name) === index) live -= bytesOf(name)
  }
  return { givenBytes: given.reduce((sum, name) => sum + bytesOf(name), 0), madeBytes }
}

/** For each value that a node makes the one whose memory it is in: its own, or that which it is a view of. */
function ownersOf({ nodes }: Graph): ReadonlyMap<string, string> {
  const owners = new Map<string, string>()
  for (const { op, inputs, outputs } of nodes) {
    for (const name of outputs) {
      const [viewed = ''] = inputs
      const owner = views.has(op) ? owners.get(viewed) : name
      // A view of an input or a constant takes nothing.
      if (owner !== undefined && name !== '') owners.set(name, owner)
    }
  }
  return owners
}

/** The place of the last node that uses each value's memory. What is an output is needed to the end; what nobody uses, to its own node. */
function lastUses({ nodes, outputs }: Graph, owners: ReadonlyMap<string, string>): ReadonlyMap<string, number> {
  const last = new Map<string, number>()
  for (const [index, node] of nodes.entries())
    for (const name of [...node.outputs, ...node.inputs, ...inside(node)]) {
      const owner = owners.get(name)
      if (owner !== undefined) last.set(owner, index)
    }
  for (const { name } of outputs) {
    const owner = owners.get(name)
    if (owner !== undefined) last.set(owner, nodes.length)
  }
  return last
}

/** What a node's subgraphs use of the graph around them. */
const inside = (node: Node): readonly string[] =>
  Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? attribute.value.nodes.flatMap((inner) => [...inner.inputs, ...inside(inner)]) : [],
  )
