/** One sweep backwards over a batch that keeps its examples apart: what each use of a parameter has of every example's gradient. */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { addGradient, ruleOf } from '../differentiate.ts'
import type { Node } from '../ir.ts'
import type { MeetingRule } from './meeting.ts'
import { meetingRules } from './meeting-rules.ts'
import type { Share } from './share.ts'
import { apartIn, factorOf } from './standing.ts'
import { type Asked, type Found, standingsOf } from './standings.ts'

export type Shares = {
  /** For each value that meets the examples, a parameter or something that is computed from parameters alone: its uses. */
  readonly uses: ReadonlyMap<string, readonly Share[]>
  /** What is computed from parameters alone, in order. */
  readonly chain: readonly Node[]
  readonly active: ReadonlySet<string>
}

/**
 * Undefined where something is not known to keep examples apart, or has no rule that does. Each example's gradient is that of the same loss of a batch of that
 * example alone. Errors: WR_GRAPH_REFUSED where examples come together; WR_GRAPH_INVALID where the loss has nothing to do with them.
 */
export function sharesOf(b: GraphBuilder, asked: Asked): Shares | undefined {
  const found = standingsOf(b, asked)
  if (found === undefined) return undefined
  const factor = factorOf(found.standings.get(asked.loss))
  if (factor === undefined)
    throw new WardroundError('WR_GRAPH_INVALID', { problem: `${asked.loss} is no sum over examples` })
  const gradients = new Map([[asked.loss, b.scalar(1 / factor)]])
  const uses = new Map<string, Share[]>()
  for (const node of found.nodes.toReversed()) {
    if (node.outputs.every((output) => gradients.get(output) === undefined)) continue
    const shares = backOver(b, node, { asked, found, gradients })
    if (shares === undefined) return undefined
    for (const [index, share] of shares) {
      const name = node.inputs[index] ?? ''
      uses.set(name, [...(uses.get(name) ?? []), share])
    }
  }
  const { active, standings } = found
  const chain = found.nodes.filter(({ outputs: [name = ''] }) => active.has(name) && !standings.has(name))
  return { uses, chain, active }
}

type Way = { readonly asked: Asked; readonly found: Found; readonly gradients: Map<string, string> }

/** Adds the gradients of what has examples; answers the shares of what has none. */
function backOver(
  b: GraphBuilder,
  node: Node,
  { asked: { batch }, found: { active, standings }, gradients }: Way,
): ReadonlyMap<number, Share> | undefined {
  const reached = node.outputs.map((output) => gradients.get(output))
  const wanted = [...node.inputs.entries()].filter(([, name]) => active.has(name) && b.info(name).type === 'float32')
  const shared = wanted.filter(([, name]) => !standings.has(name)).map(([index]) => index)
  const at = (name: string) => apartIn(standings.get(name))
  const met = shared.length === 0 ? undefined : meetingOf(node)?.({ b, node, gradients: reached, batch, at, shared })
  if (shared.length > 0 && met === undefined) return undefined
  const flowing = wanted.filter(([, name]) => standings.has(name))
  if (flowing.length > 0) {
    const parts = met?.flows ?? ruleOf(node)(node, reached, b)
    for (const [index, name] of flowing) addGradient(b, gradients, [name, parts[index]])
  }
  return met?.shares ?? new Map()
}

const meetingOf = ({ op }: Node): MeetingRule | undefined =>
  Object.hasOwn(meetingRules, op) ? meetingRules[op] : undefined
