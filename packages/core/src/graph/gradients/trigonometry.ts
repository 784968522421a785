/** Gradients of trigonometric and hyperbolic functions, and of what undoes them. */
import type { GraphBuilder } from '../builder.ts'
import { unary } from './elementwise.ts'
import { inputOf, ofFirstOutput, type SingleRule } from './rule.ts'

/** factor·x² + constant. */
const square = (b: GraphBuilder, x: string, [factor, constant]: readonly [1 | -1, number]): string =>
  b.node(
    factor === 1 ? 'Add' : 'Sub',
    factor === 1 ? [b.node('Mul', [x, x]), b.scalar(constant)] : [b.scalar(constant), b.node('Mul', [x, x])],
  )

/** dy / (factor·x² + constant), or its root. */
const over =
  (coefficients: readonly [1 | -1, number]): SingleRule =>
  (node, dy, b) => [b.node('Div', [dy, square(b, inputOf(node, 0), coefficients)])]
const overRoot =
  (coefficients: readonly [1 | -1, number]): SingleRule =>
  (node, dy, b) => [b.node('Div', [dy, b.node('Sqrt', [square(b, inputOf(node, 0), coefficients)])])]

export const trigonometryGradients = ofFirstOutput({
  Sin: unary((b, { x }) => b.node('Cos', [x])),
  Cos: unary((b, { x }) => b.node('Neg', [b.node('Sin', [x])])),
  Tan: unary((b, { y }) => square(b, y, [1, 1])),
  Asin: overRoot([-1, 1]),
  Acos: (node, dy, b) => overRoot([-1, 1])(node, b.node('Neg', [dy]), b),
  Atan: over([1, 1]),
  Sinh: unary((b, { x }) => b.node('Cosh', [x])),
  Cosh: unary((b, { x }) => b.node('Sinh', [x])),
  Asinh: overRoot([1, 1]),
  Acosh: overRoot([1, -1]),
  Atanh: over([-1, 1]),
})
