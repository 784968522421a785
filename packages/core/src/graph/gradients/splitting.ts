/** The gradient of a value that is cut into parts: theirs, joined. */
import { int } from '../ir.ts'
import { partsOf } from '../shapes/splitting.ts'
import { type GradientRule, inputOf, zeros } from './rule.ts'

/** A part that nothing depends on has zeros. */
const split: GradientRule = (node, gradients, b) => {
  const { axis } = partsOf(node, b.shape(inputOf(node, 0)), b)
  const parts = node.outputs.map((output, index) => gradients[index] ?? zeros(b, output))
  return [b.node('Concat', parts, { attributes: { axis: int(axis) } })]
}

export const splittingGradients: Readonly<Record<string, GradientRule>> = { Split: split }
