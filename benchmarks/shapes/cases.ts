/** Random uses of every operator with a shape rule, as models of one node, with the types and shapes that our rule gives its outputs. */
import { WardroundError } from '@wardround/core/errors.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import type { Graph, ValueInfo } from '@wardround/core/graph/ir.ts'
import fc from 'fast-check'
import { inferNode } from '../../packages/core/src/graph/shapes/registry.ts'
import { drawCase, operatorCases } from '../../packages/core/src/graph/testing/cases/registry.ts'
import { graphOf } from '../../packages/core/src/graph/testing/uses.ts'

export type ShapeCase = {
  readonly op: string
  /** An extent of the input is known only when the model runs. */
  readonly symbolic: boolean
  readonly graph: Graph
  readonly model: Uint8Array
  readonly outputs: readonly ValueInfo[]
}

export const drawnOperators: readonly string[] = Object.keys(operatorCases)

/** So many uses of each operator; of each again one whose first extent is a symbol, where our rule takes that. */
export function* shapeCases({ cases, seed }: { cases: number; seed: number }): Generator<ShapeCase> {
  for (const op of drawnOperators)
    for (const g of fc.sample(fc.gen(), { numRuns: cases, seed })) {
      const { b, ys } = graphOf(drawCase(g, op, operatorCases))
      const graph = b.build(op, ys)
      yield caseOf(op, graph, false)
      const open = opened(graph)
      if (open !== undefined) yield caseOf(op, open, true)
    }
}

const caseOf = (op: string, graph: Graph, symbolic: boolean): ShapeCase => ({
  op,
  symbolic,
  graph,
  model: encodeModel(graph),
  outputs: graph.outputs,
})

/** With the first extent of its first input unknown, and that of others that begin with the same one; undefined where our rule refuses that. */
function opened(graph: Graph): Graph | undefined {
  const [first] = graph.inputs
  const [extent] = first?.shape ?? []
  const [node] = graph.nodes
  if (first === undefined || node === undefined || extent === undefined) return undefined
  const inputs = graph.inputs.map((value) =>
    value.shape[0] === extent && value.shape.length === first.shape.length
      ? { ...value, shape: value.shape.with(0, 'batch') }
      : value,
  )
  const infos = new Map([...inputs, ...graph.initializers].map((value) => [value.name, value] as const))
  try {
    const typed = inferNode(node, {
      info: (name) => infos.get(name) ?? { type: 'float32', shape: [] },
      constant: (name) => graph.initializers.find((tensor) => tensor.name === name),
    })
    const outputs = graph.outputs.map(({ name, ...otherwise }) => {
      const { type, shape } = typed[node.outputs.indexOf(name)] ?? otherwise
      return { name, type, shape }
    })
    return { ...graph, inputs, outputs }
  } catch (error) {
    if (error instanceof WardroundError) return undefined
    throw error
  }
}
