/** Gradients of reductions: the gradient is spread over what was summed. Extents must be fixed, as in a training graph. */
import type { GraphBuilder } from '../builder.ts'
import { int, intAttribute, type Node } from '../ir.ts'
import { reducedAxes } from '../shapes/reduction.ts'
import { fixedShape, inputOf, ofFirstOutput, outputOf, type SingleRule } from './rule.ts'

/** `dy` with reduced axes of extent 1, so that it broadcasts against the input. */
function kept(node: Node, dy: string, b: GraphBuilder): string {
  if (intAttribute(node, 'keepdims', 1) === 1) return dy
  const axes = reducedAxes(node, b.shape(inputOf(node, 0)).length, b)
  return axes.length === 0 ? dy : b.node('Unsqueeze', [dy, b.axes(axes)])
}

const spread = (node: Node, dy: string, b: GraphBuilder): string =>
  b.node('Expand', [kept(node, dy, b), b.axes(fixedShape(b, inputOf(node, 0)))])

const mean: SingleRule = (node, dy, b) => {
  const shape = fixedShape(b, inputOf(node, 0))
  const count = reducedAxes(node, shape.length, b).reduce((product, axis) => product * (shape[axis] ?? 1), 1)
  return [spread(node, b.node('Mul', [dy, b.scalar(1 / count)]), b)]
}

/** Σx²: dx = 2x·dy. */
const sumSquare: SingleRule = (node, dy, b) => [
  b.node('Mul', [inputOf(node, 0), kept(node, b.node('Mul', [dy, b.scalar(2)]), b)]),
]

/** What is the largest or smallest shares the gradient, as with PyTorch's amax() and amin(). */
const extremum: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const mask = b.node('Cast', [b.node('Equal', [x, kept(node, outputOf(node), b)])], { attributes: { to: int(1) } })
  const axes = reducedAxes(node, b.shape(x).length, b)
  const count = axes.length === 0 ? mask : b.node('ReduceSum', [mask, b.axes(axes)])
  return [b.node('Mul', [mask, b.node('Div', [kept(node, dy, b), count])])]
}

/** Π of the others: y/x where none of them is 0; where one is, that one's others; where several are, nothing. */
const product: SingleRule = (node, dy, b) => {
  const x = inputOf(node, 0)
  const isZero = b.node('Equal', [x, b.scalar(0)])
  const factors = b.node('Where', [isZero, b.scalar(1), x])
  const axes = reducedAxes(node, b.shape(x).length, b)
  const over = (op: string, value: string): string => (axes.length === 0 ? value : b.node(op, [value, b.axes(axes)]))
  const zeroes = over('ReduceSum', b.node('Cast', [isZero], { attributes: { to: int(1) } }))
  const flowing = b.node('Mul', [over('ReduceProd', factors), kept(node, dy, b)])
  const where = (count: number): string =>
    b.node('Where', [b.node('Equal', [zeroes, b.scalar(count)]), flowing, b.scalar(0)])
  return [b.node('Where', [isZero, where(1), b.node('Div', [where(0), factors])])]
}

/** √Σx²: x/y, and 0 where all are, as with PyTorch. */
const norm: SingleRule = (node, dy, b) => {
  const y = outputOf(node)
  const isZero = b.node('Equal', [y, b.scalar(0)])
  const share = b.node('Where', [isZero, b.scalar(0), b.node('Div', [dy, y])])
  return [b.node('Mul', [inputOf(node, 0), kept(node, share, b)])]
}

/** log Σeˣ: the softmax, eˣ⁻ʸ. */
const logSumExp: SingleRule = (node, dy, b) => {
  const share = b.node('Exp', [b.node('Sub', [inputOf(node, 0), kept(node, outputOf(node), b)])])
  return [b.node('Mul', [share, kept(node, dy, b)])]
}

/** Each element is in the sums from its place on: the other way round. */
const cumulative: SingleRule = (node, dy, b) => {
  const reverse = int(1 - intAttribute(node, 'reverse', 0))
  return [b.node('CumSum', [dy, inputOf(node, 1)], { attributes: { ...node.attributes, reverse } })]
}

export const reductionGradients = ofFirstOutput({
  ReduceSum: (node, dy, b) => [spread(node, dy, b)],
  ReduceMean: mean,
  ReduceSumSquare: sumSquare,
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceProd: product,
  ReduceL1: (node, dy, b) => [b.node('Mul', [b.node('Sign', [inputOf(node, 0)]), kept(node, dy, b)])],
  ReduceL2: norm,
  ReduceLogSum: (node, dy, b) => [
    spread(node, b.node('Mul', [dy, b.node('Exp', [b.node('Neg', [outputOf(node)])])]), b),
  ],
  ReduceLogSumExp: logSumExp,
  CumSum: cumulative,
})
