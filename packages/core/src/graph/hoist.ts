/**
 * Which nodes of a step need not be in the loop over steps. Of a small model each of them costs half a microsecond a step, whatever it computes; done for
 * all steps at once it costs next to nothing. Before the loop goes what needs nothing of the steps before (gathering a batch, what is made of targets and
 * rates alone), behind it what no later step needs (the loss). Weights are the same bits; a loss may differ in the last one.
 */
import { sizeOf } from '../weights.ts'
import { type GraphBuilder, namedIn } from './builder.ts'
import type { Graph, Node } from './ir.ts'
import { exactlyStacked, type Stacked, stacked } from './stacked.ts'

export type Moved = { readonly node: Node; readonly stacked: Stacked }

/** The nodes of a step, each group in order. */
export type Hoisted = {
  /** Made of constants and outer values: the runtime folds them wherever they are. */
  readonly fixed: readonly Node[]
  readonly before: readonly Moved[]
  readonly within: readonly Node[]
  readonly behind: readonly Moved[]
}

type Step = {
  readonly graph: Graph
  /** Those of its inputs that are there for all steps; the others come from the step before. */
  readonly scanned: readonly string[]
  /** What goes into the next step. */
  readonly next: readonly string[]
}

/** Values of one step where they are kept for all steps: more are not worth the memory. */
export const mostHoisted = 1 << 10

/** `b` has made the step, and knows its values. */
export function hoist(b: GraphBuilder, { graph, scanned, next }: Step): Hoisted {
  const varying = new Set(graph.inputs.map(({ name }) => name))
  const [fixed, rest] = parted(graph.nodes, (node) => {
    const isFixed = !namedIn(node).some((name) => varying.has(name))
    if (!isFixed) for (const output of node.outputs) varying.add(output)
    return isFixed
  })
  const body = { ...b, isStacked: (name: string): boolean => varying.has(name) }
  const isSmall = (name: string): boolean =>
    b.shape(name).every((extent) => typeof extent === 'number') && sizeOf(b.shape(name).map(Number)) <= mostHoisted

  const early = new Set(scanned)
  const movedBefore = (node: Node): Stacked | undefined => {
    const isReady = namedIn(node).every((name) => early.has(name) || !varying.has(name)) && node.outputs.every(isSmall)
    const moved = isReady ? exactlyStacked(node, body) : undefined
    if (moved !== undefined) for (const output of node.outputs) early.add(output)
    return moved
  }
  const before = movedOf(rest, movedBefore)

  const handedOn = new Set([...next, ...graph.inputs.map(({ name }) => name).filter((name) => !early.has(name))])
  const isKept = (name: string): boolean =>
    !varying.has(name) || early.has(name) || (!handedOn.has(name) && isSmall(name))
  const needed = new Set(next)
  const movedBehind = (node: Node): Stacked | undefined => {
    const isFree = !node.outputs.some((output) => needed.has(output)) && namedIn(node).every(isKept)
    const moved = isFree ? stacked(node, body) : undefined
    if (moved === undefined) for (const name of namedIn(node)) needed.add(name)
    return moved
  }
  const isEarly = new Set(before.map(({ node }) => node))
  const late = rest.filter((node) => !isEarly.has(node))
  const behind = movedOf(late.toReversed(), movedBehind).toReversed()
  const isLate = new Set(behind.map(({ node }) => node))
  return { fixed, before, within: late.filter((node) => !isLate.has(node)), behind }
}

function parted(nodes: readonly Node[], belongs: (node: Node) => boolean): [Node[], Node[]] {
  const [own, other]: [Node[], Node[]] = [[], []]
  for (const node of nodes) (belongs(node) ? own : other).push(node)
  return [own, other]
}

const movedOf = (nodes: readonly Node[], move: (node: Node) => Stacked | undefined): readonly Moved[] =>
  nodes.flatMap((node) => {
    const moved = move(node)
    return moved === undefined ? [] : [{ node, stacked: moved }]
  })
