/** Shape inference for the operators that Wardround builds and accepts: every one, with its rule. */
import type { Dim, Node, Shape } from '../ir.ts'
import { requireArity } from './arity.ts'
import { elementwiseShapes } from './elementwise.ts'
import { fillingShapes } from './filling.ts'
import { indexingShapes } from './indexing.ts'
import { matMulShapes } from './matmul.ts'
import { movementShapes } from './movement.ts'
import { normalizationShapes } from './normalization.ts'
import { poolingShapes } from './pooling.ts'
import { recurrentShapes } from './recurrent.ts'
import { reductionShapes } from './reduction.ts'
import { resamplingShapes } from './resampling.ts'
import { invalid, type Lookup, mostAxes, type ShapeRule, type TypedShape } from './rule.ts'
import { samplingShapes } from './sampling.ts'
import { splittingShapes } from './splitting.ts'
import { windowShapes } from './windows.ts'

const shapeRules: Readonly<Record<string, ShapeRule>> = {
  ...elementwiseShapes,
  ...matMulShapes,
  ...reductionShapes,
  ...movementShapes,
  ...windowShapes,
  ...poolingShapes,
  ...resamplingShapes,
  ...samplingShapes,
  ...indexingShapes,
  ...normalizationShapes,
  ...recurrentShapes,
  ...splittingShapes,
  ...fillingShapes,
}

/** The type and shape of each of a node's outputs. Errors: WR_GRAPH_INVALID, also for an output that the operator has not. */
export function inferNode(node: Node, lookup: Lookup): readonly TypedShape[] {
  const rule = Object.hasOwn(shapeRules, node.op) ? shapeRules[node.op] : undefined
  if (rule === undefined) throw invalid(`no shape rule for the operator ${node.op}`)
  const inputs = node.inputs.map((name) => (name === '' ? undefined : lookup.info(name)))
  for (const value of inputs)
    if (value !== undefined && value.shape.length > mostAxes) throw invalid(`${node.op} of ${value.shape.length} axes`)
  requireArity(node, inputs)
  const made = rule(node, inputs, lookup)
  const outputs = 'shape' in made ? [made] : made
  if (node.outputs.length > outputs.length) throw invalid(`${node.op} has no output ${node.outputs.length}`)
  const wanted = outputs.slice(0, node.outputs.length)
  for (const { shape } of wanted) requireCountable(node, shape)
  return wanted
}

/** Rules multiply and add what a file says: whatever is made must be counted exactly. */
function requireCountable({ op }: Node, shape: Shape): void {
  if (shape.length > mostAxes) throw invalid(`${op} makes ${shape.length} axes`)
  const isExtent = (extent: Dim): boolean => typeof extent === 'string' || (Number.isSafeInteger(extent) && extent >= 0)
  const size = shape.reduce<number>((product, extent) => product * (typeof extent === 'string' ? 1 : extent || 1), 1)
  if (!shape.every(isExtent) || !Number.isSafeInteger(size)) throw invalid(`${op} makes [${shape.join(', ')}]`)
}

/** Operators that inferNode knows. */
export const shapedOperators: ReadonlySet<string> = new Set(Object.keys(shapeRules))
