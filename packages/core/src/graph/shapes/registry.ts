/** Shape inference for the operators that Wardround builds and accepts: every one, with its rule. */
import type { Node } from '../ir.ts'
import { elementwiseShapes } from './elementwise.ts'
import { matMulShapes } from './matmul.ts'
import { movementShapes } from './movement.ts'
import { reductionShapes } from './reduction.ts'
import { invalid, type Lookup, type ShapeRule, type TypedShape } from './rule.ts'
import { windowShapes } from './windows.ts'

const shapeRules: Readonly<Record<string, ShapeRule>> = {
  ...elementwiseShapes,
  ...matMulShapes,
  ...reductionShapes,
  ...movementShapes,
  ...windowShapes,
}

/** The type and shape of a one-output node. Errors: WR_GRAPH_INVALID. */
export function inferNode(node: Node, lookup: Lookup): TypedShape {
  const rule = Object.hasOwn(shapeRules, node.op) ? shapeRules[node.op] : undefined
  if (rule === undefined) throw invalid(`no shape rule for the operator ${node.op}`)
  return rule(
    node,
    node.inputs.map((name) => (name === '' ? undefined : lookup.info(name))),
    lookup,
  )
}

/** Operators that inferNode knows. */
export const shapedOperators: ReadonlySet<string> = new Set(Object.keys(shapeRules))
