/**
 * Parameters that reach the examples through something that is computed from parameters alone, as an adapter's do: an example's gradients go on from there, one
 * example after another for their norms, and all at once for their sum.
 */
import type { GraphBuilder } from '../builder.ts'
import { flowBack } from '../differentiate.ts'
import { overTime } from '../gradients/recurrent/over-time.ts'
import { sum, sumOfSquares } from '../losses/penalties.ts'
import { type Factors, partsShare, type Share } from './share.ts'
import type { Shares } from './shares.ts'

export type Family = {
  /** Parameters whose gradients come, all or some of it, through others. */
  readonly members: readonly string[]
  /** [batch] */
  readonly squares: () => string
  /** Of each member. */
  readonly sums: (factors: Factors) => ReadonlyMap<string, string>
  /** Whose parts it is made of. */
  readonly roots: ReadonlySet<string>
  readonly held: number
}

/** Operators whose rules need to know no constants, which a subgraph has none of. */
const plainOperators: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Sum', 'Neg', 'Identity', 'Tanh', 'Sigmoid', 'Relu', 'Exp', 'Sqrt'],
  ...['MatMul', 'Gemm', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'],
])

/** Undefined where one has an operator that is not covered. */
export function familyOf(b: GraphBuilder, { uses, chain, active }: Shares): Family | undefined {
  const made = new Set(chain.flatMap(({ outputs }) => outputs))
  const derived = [...uses.keys()].filter((name) => made.has(name))
  const nodes = behind(chain, derived)
  if (nodes.some(({ op }) => !plainOperators.has(op))) return undefined
  const members = [...new Set(nodes.flatMap(({ inputs }) => inputs))].filter(
    (name) => active.has(name) && !made.has(name),
  )
  const roots = new Set([...derived, ...members.filter((name) => uses.has(name))])
  const shares = new Map([...roots].map((name) => [name, together(b, uses.get(name) ?? [])]))
  const back = (inner: GraphBuilder, gradients: Map<string, string>): ReadonlyMap<string, string> => {
    flowBack(inner, { nodes, active, gradients })
    return gradients
  }
  return {
    members,
    roots,
    squares: () => squaresBehind(b, { shares, nodes, back, members }),
    sums: (factors) => back(b, new Map([...shares].map(([name, share]) => [name, share.sum(factors)]))),
    held: [...shares.values()].reduce((total, { held }) => total + held, 0),
  }
}

/** The parts of all uses of a value. */
export function together(b: GraphBuilder, uses: readonly Share[]): Share {
  const parts = uses.map((share) => share.parts())
  const [first = ''] = parts
  const added = parts.slice(1).reduce((total, part) => b.node('Add', [total, part]), first)
  return partsShare(b, added, b.shape(added).slice(1).map(Number))
}

type Chain = Shares['chain']

/** Of the chain what `names` are computed by. */
function behind(chain: Chain, names: readonly string[]): Chain {
  const wanted = new Set(names)
  const kept = chain.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => wanted.has(name))) return false
    for (const name of inputs) wanted.add(name)
    return true
  })
  return kept.toReversed()
}

type Behind = {
  readonly shares: ReadonlyMap<string, Share>
  readonly nodes: Chain
  readonly members: readonly string[]
  readonly back: (inner: GraphBuilder, gradients: Map<string, string>) => ReadonlyMap<string, string>
}

/** One example after another: its parts flow back to the members. */
function squaresBehind(b: GraphBuilder, { shares, nodes, members, back }: Behind): string {
  const names = [...shares.keys()]
  const around = new Set(nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]).filter((name) => name !== ''))
  const { collected } = overTime(b, {
    states: [],
    scanned: [...shares.values()].map((share) => share.parts()),
    fixed: [...around],
    isReversed: false,
    step(inner, { slices }) {
      const gradients = back(inner, new Map(names.map((name, index) => [name, slices[index] ?? ''])))
      const squares = members.flatMap((name) => {
        const gradient = gradients.get(name)
        return gradient === undefined ? [] : [sumOfSquares(inner, gradient)]
      })
      return { states: [], collected: [inner.node('Identity', [sum(inner, squares)])] }
    },
  })
  return collected[0] ?? ''
}
