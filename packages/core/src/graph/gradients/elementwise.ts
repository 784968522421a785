/** Gradients of element-wise operators; broadcasting is undone by unbroadcast(). */
import type { GraphBuilder } from '../builder.ts'
import type { Node } from '../ir.ts'
import { type GradientRule, inputOf, outputOf, unbroadcast } from './rule.ts'

/** A rule for y = f(x): dx = dy ∘ f′, where f′ is built from the node's input and output. */
const unary =
  (derivative: (builder: GraphBuilder, names: { x: string; y: string }) => string): GradientRule =>
  (node, dy, b) => [b.node('Mul', [dy, derivative(b, { x: inputOf(node, 0), y: outputOf(node) })])]

/** A rule for two operands that may be broadcast: each operand's part, before broadcasting is undone. */
const binary =
  (
    parts: (b: GraphBuilder, dy: string, names: { a: string; c: string; y: string }) => readonly [string, string],
  ): GradientRule =>
  (node, dy, b) => {
    const names = { a: inputOf(node, 0), c: inputOf(node, 1), y: outputOf(node) }
    const [da, dc] = parts(b, dy, names)
    return [unbroadcast(b, da, b.shape(names.a)), unbroadcast(b, dc, b.shape(names.c))]
  }

const oneMinus = (b: GraphBuilder, x: string): string => b.node('Sub', [b.scalar(1), x])

const where: GradientRule = (node: Node, dy, b) => {
  const [condition, yes, no] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)]
  return [
    undefined,
    unbroadcast(b, b.node('Where', [condition, dy, b.scalar(0)]), b.shape(yes)),
    unbroadcast(b, b.node('Where', [condition, b.scalar(0), dy]), b.shape(no)),
  ]
}

/** relu's derivative at 0 is taken as 0, as PyTorch does. */
const relu: GradientRule = (node, dy, b) => [
  b.node('Where', [b.node('Greater', [outputOf(node), b.scalar(0)]), dy, b.scalar(0)]),
]

export const elementwiseGradients: Readonly<Record<string, GradientRule>> = {
  Identity: (_, dy) => [dy],
  Neg: (_, dy, b) => [b.node('Neg', [dy])],
  Exp: unary((_, { y }) => y),
  Log: (node, dy, b) => [b.node('Div', [dy, inputOf(node, 0)])],
  Sqrt: (node, dy, b) => [b.node('Div', [b.node('Mul', [dy, b.scalar(0.5)]), outputOf(node)])],
  Sigmoid: unary((b, { y }) => b.node('Mul', [y, oneMinus(b, y)])),
  Tanh: unary((b, { y }) => oneMinus(b, b.node('Mul', [y, y]))),
  Softplus: unary((b, { x }) => b.node('Sigmoid', [x])),
  Relu: relu,
  Add: binary((_, dy) => [dy, dy]),
  Sub: binary((b, dy) => [dy, b.node('Neg', [dy])]),
  Mul: binary((b, dy, { a, c }) => [b.node('Mul', [dy, c]), b.node('Mul', [dy, a])]),
  Div: binary((b, dy, { c, y }) => {
    const da = b.node('Div', [dy, c])
    return [da, b.node('Neg', [b.node('Mul', [da, y])])]
  }),
  Where: where,
}
