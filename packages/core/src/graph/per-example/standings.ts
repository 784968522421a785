/** What each value between the examples and the loss is to them, node by node. */
import type { GraphBuilder } from '../builder.ts'
import type { Node, Shape } from '../ir.ts'
import { along } from './spread.ts'
import type { Standing, Use } from './standing.ts'
import { standingRuleOf } from './standing-rules.ts'

export type Asked = {
  readonly loss: string
  /** What is learnt. */
  readonly parameters: readonly string[]
  /** Values [batch, …], one place of the first axis for each example; nothing else in the graph has to do with one example more than with another. */
  readonly examples: readonly string[]
  /** At least two. */
  readonly batch: number
}

export type Found = {
  /** What the loss needs, in order. */
  readonly nodes: readonly Node[]
  readonly standings: ReadonlyMap<string, Standing>
  /** The parameters and what is computed from them. */
  readonly active: ReadonlySet<string>
}

/** Undefined where an operator, or its use, is not known to keep examples apart. Errors: WR_GRAPH_REFUSED where it is known not to. */
export function standingsOf(b: GraphBuilder, { loss, parameters, examples, batch }: Asked): Found | undefined {
  const nodes = needed(b.nodes(), { loss, given: new Set([...parameters, ...examples]) })
  const active = new Set(parameters)
  const standings = new Map<string, Standing>(examples.map((name) => [name, { apart: along(0) }]))
  const standingOf = (name: string): Standing => standings.get(name) ?? 'shared'
  for (const node of nodes) {
    if (node.inputs.some((name) => active.has(name))) for (const name of node.outputs) if (name !== '') active.add(name)
    const own = node.inputs.map(standingOf)
    if (own.every((standing) => standing === 'shared')) continue
    const shapes = [
      ...node.inputs.map((name) => (name === '' ? [] : b.shape(name))),
      b.shape(node.outputs.find((name) => name !== '') ?? ''),
    ]
    if (!shapes.every(isFixed)) return undefined
    const use: Use = {
      ...{ node, b, batch, standings: own },
      shapes: shapes.slice(0, -1),
      active: node.inputs.map((name) => active.has(name)),
      output: shapes.at(-1) ?? [],
    }
    const made = standingRuleOf(node)?.(use)
    if (made === undefined) return undefined
    const each: readonly Standing[] = isSeveral(made) ? made : [made]
    if (each.length !== node.outputs.length) return undefined
    for (const [index, name] of node.outputs.entries()) if (name !== '') standings.set(name, each[index] ?? 'shared')
  }
  return { nodes, standings, active }
}

const isSeveral = (made: Standing | readonly Standing[]): made is readonly Standing[] => Array.isArray(made)
const isFixed = (shape: Shape): shape is readonly number[] => shape.every((extent) => typeof extent === 'number')

/** The nodes that the loss is computed by, as far back as what is given. */
function needed(
  nodes: readonly Node[],
  { loss, given }: { loss: string; given: ReadonlySet<string> },
): readonly Node[] {
  const wanted = new Set([loss])
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => wanted.has(name) && !given.has(name))) return false
    for (const name of node.inputs) wanted.add(name)
    return true
  })
  return kept.toReversed()
}
