/** Gradients of element-wise arithmetic; broadcasting is undone by unbroadcast(). */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { int } from '../ir.ts'
import { inputOf, ofFirstOutput, outputOf, type Parts, type SingleRule, unbroadcast } from './rule.ts'

/** A rule for y = f(x): dx = dy ∘ f′, where f′ is built from the node's input and output. */
export const unary =
  (derivative: (builder: GraphBuilder, names: { x: string; y: string }) => string): SingleRule =>
  (node, dy, b) => [b.node('Mul', [dy, derivative(b, { x: inputOf(node, 0), y: outputOf(node) })])]

/** factor · x. */
export const scaled = (b: GraphBuilder, x: string, factor: number): string => b.node('Mul', [x, b.scalar(factor)])

/** A rule for two operands that may be broadcast: each operand's part, before broadcasting is undone. */
const binary =
  (
    parts: (b: GraphBuilder, dy: string, names: { a: string; c: string; y: string }) => readonly [string, string],
  ): SingleRule =>
  (node, dy, b) => {
    const names = { a: inputOf(node, 0), c: inputOf(node, 1), y: outputOf(node) }
    const [da, dc] = parts(b, dy, names)
    return [unbroadcast(b, da, b.shape(names.a)), unbroadcast(b, dc, b.shape(names.c))]
  }

const where: SingleRule = (node, dy, b) => {
  const [condition, yes, no] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)]
  return [
    undefined,
    unbroadcast(b, b.node('Where', [condition, dy, b.scalar(0)]), b.shape(yes)),
    unbroadcast(b, b.node('Where', [condition, b.scalar(0), dy]), b.shape(no)),
  ]
}

/** The largest or smallest of any number of operands: those that are it share the gradient, as with PyTorch's maximum(). */
const extremum: SingleRule = (node, dy, b) => {
  const masks = node.inputs.map((input) =>
    b.node('Cast', [b.node('Equal', [input, outputOf(node)])], { attributes: { to: int(1) } }),
  )
  const [first = '', ...others] = masks
  const share = b.node('Div', [dy, others.reduce((sum, mask) => b.node('Add', [sum, mask]), first)])
  return node.inputs.map((input, index) =>
    unbroadcast(b, b.node('Mul', [share, masks[index] ?? first]), b.shape(input)),
  )
}

/** aᶜ: c·aᶜ⁻¹, which is 0 where c is, and y·ln a, which at a = 0 is taken as 0. */
const power = binary((b, dy, { a, c, y }) => {
  const steep = b.node('Mul', [c, b.node('Pow', [a, b.node('Sub', [c, b.scalar(1)])])])
  // 0 · 0⁻¹ is no number.
  const slope = b.node('Where', [b.node('Equal', [c, b.scalar(0)]), b.scalar(0), steep])
  const isZero = b.node('Equal', [a, b.scalar(0)])
  const logarithm = b.node('Where', [isZero, b.scalar(0), b.node('Mul', [y, b.node('Log', [a])])])
  return [b.node('Mul', [dy, slope]), b.node('Mul', [dy, logarithm])]
})

/** What is inside the bounds passes, and on one of them nothing, as with PyTorch. Errors: WR_GRAPH_REFUSED for bounds that are computed. */
const clip: SingleRule = (node, dy, b) => {
  const [x, lowest = '', highest = ''] = node.inputs
  if ([lowest, highest].some((bound) => bound !== '' && b.constant(bound) === undefined))
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'Clip is differentiated with constant bounds' })
  const inside = [
    ...(lowest === '' ? [] : [b.node('Greater', [x ?? '', lowest])]),
    ...(highest === '' ? [] : [b.node('Less', [x ?? '', highest])]),
  ]
  return [inside.reduce((passed, condition) => b.node('Where', [condition, passed, b.scalar(0)]), dy)]
}

/** a − c·trunc(a/c): the quotient is level nearly everywhere. */
const remainder = binary((b, dy, { a, c }) => {
  const quotient = b.node('Div', [a, c])
  const whole = b.node('Mul', [b.node('Sign', [quotient]), b.node('Floor', [b.node('Abs', [quotient])])])
  return [dy, b.node('Neg', [b.node('Mul', [dy, whole])])]
})

export const elementwiseGradients = ofFirstOutput({
  Identity: (_, dy) => [dy],
  Dropout: (_, dy) => [dy],
  Neg: (_, dy, b) => [b.node('Neg', [dy])],
  Abs: unary((b, { x }) => b.node('Sign', [x])),
  Exp: unary((_, { y }) => y),
  Log: (node, dy, b) => [b.node('Div', [dy, inputOf(node, 0)])],
  Sqrt: (node, dy, b) => [b.node('Div', [scaled(b, dy, 0.5), outputOf(node)])],
  Reciprocal: unary((b, { y }) => b.node('Neg', [b.node('Mul', [y, y])])),
  Erf: unary((b, { x }) => scaled(b, b.node('Exp', [b.node('Neg', [b.node('Mul', [x, x])])]), 2 / Math.sqrt(Math.PI))),
  Add: binary((_, dy) => [dy, dy]),
  Sub: binary((b, dy) => [dy, b.node('Neg', [dy])]),
  Mul: binary((b, dy, { a, c }) => [b.node('Mul', [dy, c]), b.node('Mul', [dy, a])]),
  Div: binary((b, dy, { c, y }) => {
    const da = b.node('Div', [dy, c])
    return [da, b.node('Neg', [b.node('Mul', [da, y])])]
  }),
  Pow: power,
  Max: extremum,
  Min: extremum,
  Clip: clip,
  Where: where,
  Sum: (node, dy, b) => node.inputs.map((input) => unbroadcast(b, dy, b.shape(input))),
  Mean: (node, dy, b) => {
    const share = scaled(b, dy, 1 / node.inputs.length)
    return node.inputs.map((input) => unbroadcast(b, share, b.shape(input)))
  },
  Mod: remainder,
  // Steps are level nearly everywhere: nothing flows, and a loss that depends on a parameter through them alone is told so.
  ...Object.fromEntries(['Floor', 'Ceil', 'Round', 'Sign'].map((op) => [op, (): Parts => []])),
})
