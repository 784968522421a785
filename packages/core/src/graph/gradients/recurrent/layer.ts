/**
 * What the gradients of recurrent layers share (backpropagation through time; Werbos 1990). Every state is known from the forward pass, so what a cell computed
 * at each step is computed again for all steps at once, as large products over [steps · batch] rows. Step by step goes only what must: the gradient of the
 * state, backwards. The gradients of the weights are again products over all rows.
 */
import type { GraphBuilder } from '../../builder.ts'
import { int, type Node } from '../../ir.ts'
import { operandAt } from '../../recurrent.ts'
import { fixedShape, type GradientRule, inputOf } from '../rule.ts'
import { joined, memo } from './cell.ts'
import { type Pass, passesOf } from './pass.ts'

/** What a cell's rule finds for one direction. */
export type Found = {
  /** Of one gate, or of several side by side; together all, in ONNX's order. */
  readonly gates: readonly {
    /** W [gates · hidden, inputs]. */
    readonly w: string
    /** [rows, gates · hidden]: the gradients of W·x and its bias, and of R·state and its; often the same. */
    readonly ofInput: string
    readonly ofState: string
    /** [rows, hidden]: what R is multiplied with, the state before each step in most cells. */
    readonly state: string
  }[]
  /** [batch, hidden]: the gradients of the first hidden state and the first cell. */
  readonly dh: string
  readonly dc?: string
}

/** A rule for the whole node from one for a direction. */
export const recurrentGradient =
  (rule: (b: GraphBuilder, pass: Pass, node: Node) => Found): GradientRule =>
  (node, gradients, b) => {
    const passes = passesOf(node, gradients, b)
    const found = passes.map((pass) => ({ x: pass.x, ...rule(b, pass, node) }))
    const sums = memo((rows) => b.node('ReduceSum', [rows, b.axes([0])], { attributes: { keepdims: int(0) } }))
    const product = (rows: string, others: string): string =>
      b.node('Gemm', [rows, others], { attributes: { transA: int(1) } })
    const parts = new Map<number, readonly string[]>([
      [operandAt.x, [inputGradient(b, found)]],
      [operandAt.w, found.flatMap(({ gates, x }) => gates.map(({ ofInput }) => product(ofInput, x)))],
      [operandAt.r, found.flatMap(({ gates }) => gates.map(({ ofState, state }) => product(ofState, state)))],
      [
        operandAt.bias,
        found.flatMap(({ gates }) => [
          ...gates.map(({ ofInput }) => sums(ofInput)),
          ...gates.map(({ ofState }) => sums(ofState)),
        ]),
      ],
      [operandAt.h, found.map(({ dh }) => dh)],
      [operandAt.c, found.map(({ dc = '' }) => dc)],
    ])
    return node.inputs.map((input, index) => {
      const rows = parts.get(index)
      if (rows === undefined || input === '') return undefined
      return b.node('Reshape', [joined(b, rows), b.axes(fixedShape(b, inputOf(node, index)))])
    })
  }

/** [rows, inputs]: the sum of what every gate of every direction has of it. */
function inputGradient(b: GraphBuilder, found: readonly Found[]): string {
  const [first, ...others] = found.flatMap(({ gates }) => gates)
  if (first === undefined) throw new TypeError('a recurrent layer has gates')
  return others.reduce(
    (sum, { ofInput, w }) => b.node('Gemm', [ofInput, w, sum]),
    b.node('MatMul', [first.ofInput, first.w]),
  )
}
