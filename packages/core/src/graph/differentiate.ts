/** Reverse-mode differentiation: one sweep from the loss backwards, appending ONNX nodes to the same builder. */
import { WardroundError } from '../errors.ts'
import type { GraphBuilder } from './builder.ts'
import { gradientRules } from './gradients/registry.ts'
import type { GradientRule } from './gradients/rule.ts'
import type { Node } from './ir.ts'

/**
 * The gradient of the scalar `loss` with respect to each of `parameters`, as value names in their order, each with its
 * parameter's shape. Only nodes on a path from a parameter to the loss are visited. Errors: WR_GRAPH_REFUSED where such
 * a node cannot be differentiated, WR_GRAPH_INVALID where the loss is no scalar or does not depend on a parameter.
 */
export function differentiate(builder: GraphBuilder, loss: string, parameters: readonly string[]): readonly string[] {
  if (builder.shape(loss).length > 0) throw new WardroundError('WR_GRAPH_INVALID', { problem: `${loss} is no scalar` })
  const forward = [...builder.wholes()]
  const active = dependents(forward, parameters)
  const gradients = new Map([[loss, builder.scalar(1)]])
  flowBack(builder, { nodes: forward, active, gradients })
  return parameters.map((parameter) => {
    const gradient = gradients.get(parameter)
    if (gradient === undefined)
      throw new WardroundError('WR_GRAPH_INVALID', { problem: `the loss does not depend on ${parameter}` })
    return gradient
  })
}

export type Sweep = {
  /** In their order. */
  readonly nodes: readonly Node[]
  /** Values that want a gradient. */
  readonly active: ReadonlySet<string>
  /** What is there to begin with; what is found comes to it. */
  readonly gradients: Map<string, string>
}

/** From the gradients that are there back through `nodes`. Errors: WR_GRAPH_REFUSED. */
export function flowBack(builder: GraphBuilder, { nodes, active, gradients }: Sweep): void {
  for (const node of nodes.toReversed()) {
    const reached = node.outputs.map((output) => (active.has(output) ? gradients.get(output) : undefined))
    if (reached.every((gradient) => gradient === undefined)) continue
    const parts = ruleOf(node)(node, reached, builder)
    for (const [index, input] of node.inputs.entries())
      if (active.has(input)) addGradient(builder, gradients, [input, parts[index]])
  }
}

/** Errors: WR_GRAPH_REFUSED. */
export function ruleOf({ op }: Node): GradientRule {
  const rule = Object.hasOwn(gradientRules, op) ? gradientRules[op] : undefined
  if (rule === undefined)
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: `the operator ${op} cannot be differentiated` })
  return rule
}

/** What is used several times collects as many parts. */
export function addGradient(
  builder: GraphBuilder,
  gradients: Map<string, string>,
  [name, part]: readonly [string, string | undefined],
): void {
  if (part === undefined) return
  const before = gradients.get(name)
  gradients.set(name, before === undefined ? part : builder.node('Add', [before, part]))
}

/** The parameters and every value computed from one. */
function dependents(nodes: readonly Node[], parameters: readonly string[]): ReadonlySet<string> {
  const active = new Set(parameters)
  for (const node of nodes) {
    if (!node.inputs.some((input) => active.has(input))) continue
    // What nobody names is no value: an operand that is left out is not computed from it.
    for (const output of node.outputs) if (output !== '') active.add(output)
  }
  return active
}
