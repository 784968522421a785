/** Gradients of softmax and its logarithm, along the node's axis. */

import type { GraphBuilder } from '../builder.ts'
import { intAttribute, type Node } from '../ir.ts'
import { inputOf, ofFirstOutput, outputOf, type SingleRule } from './rule.ts'

const axisOf = (node: Node, b: GraphBuilder): number => {
  const rank = b.shape(inputOf(node, 0)).length
  return (intAttribute(node, 'axis', -1) + rank) % rank
}

/** dx = y ∘ (dy − Σ dy∘y). */
const softmax: SingleRule = (node, dy, b) => {
  const y = outputOf(node)
  const sum = b.node('ReduceSum', [b.node('Mul', [dy, y]), b.axes([axisOf(node, b)])])
  return [b.node('Mul', [y, b.node('Sub', [dy, sum])])]
}

/** dx = dy − softmax(x) · Σ dy: with a one-hot target, softmax minus the target. */
const logSoftmax: SingleRule = (node, dy, b) => {
  const axis = axisOf(node, b)
  const probability = b.node('Softmax', [inputOf(node, 0)], { attributes: node.attributes })
  const sum = b.node('ReduceSum', [dy, b.axes([axis])])
  return [b.node('Sub', [dy, b.node('Mul', [probability, sum])])]
}

export const softmaxGradients = ofFirstOutput({ Softmax: softmax, LogSoftmax: logSoftmax })
