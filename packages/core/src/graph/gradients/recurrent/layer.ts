/**
 * What the gradients of recurrent layers share (backpropagation through time; Werbos 1990). Every state is known from the forward pass, so what a cell computed
 * at each step is computed again for all steps at once, as large products over [steps · batch] rows. Step by step goes only what must: the gradient of the
 * state, backwards. The gradients of the weights are again products over all rows.
 */
import type { GraphBuilder } from '../../builder.ts'
import { int, ints, type Node } from '../../ir.ts'
import { operandAt } from '../../recurrent.ts'
import { fixedShape, type GradientRule, inputOf } from '../rule.ts'
import { joined, memo } from './cell.ts'
import { bySteps, type Pass, passesOf } from './pass.ts'

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

export type CellRule = (b: GraphBuilder, pass: Pass, node: Node) => Found

/** How the gradients of weights are made of the rows of a direction. */
export type Reduction = {
  /** rowsᵀ·others: [n, m] of [rows, n] and [rows, m]. */
  readonly product: (b: GraphBuilder, pass: Pass, operands: readonly [rows: string, others: string]) => string
  readonly sum: (b: GraphBuilder, pass: Pass, rows: string) => string
  /** Undefined: over all examples. Else there is one for each of so many, in front. */
  readonly batch?: (pass: Pass) => number
}

const wholeBatch: Reduction = {
  product: (b, _, operands) => b.node('Gemm', operands, { attributes: { transA: int(1) } }),
  sum: (b, _, rows) => b.node('ReduceSum', [rows, b.axes([0])], { attributes: { keepdims: int(0) } }),
}

/** For each example by itself: its gradients have the examples in front (per-example/). */
export const eachExample: Reduction = {
  product(b, pass, [rows, others]) {
    const first = (name: string, perm: readonly number[]): string =>
      b.node('Transpose', [bySteps(b, name, pass)], { attributes: { perm: ints(perm) } })
    return b.node('MatMul', [first(rows, [1, 2, 0]), first(others, [1, 0, 2])])
  },
  sum: (b, pass, rows) =>
    b.node('ReduceSum', [bySteps(b, rows, pass), b.axes([0])], { attributes: { keepdims: int(0) } }),
  batch: ({ batch }) => batch,
}

/** A rule for the whole node from one for a direction. */
export const recurrentGradient =
  (rule: CellRule, { product, sum, batch }: Reduction = wholeBatch): GradientRule =>
  (node, gradients, b) => {
    const passes = passesOf(node, gradients, b)
    const found = passes.map((pass) => ({ pass, ...rule(b, pass, node), sums: memo((rows) => sum(b, pass, rows)) }))
    const weights = new Map<number, readonly string[]>([
      [operandAt.w, found.flatMap(({ gates, pass }) => gates.map((gate) => product(b, pass, [gate.ofInput, pass.x])))],
      [
        operandAt.r,
        found.flatMap(({ gates, pass }) => gates.map((gate) => product(b, pass, [gate.ofState, gate.state]))),
      ],
      [
        operandAt.bias,
        found.flatMap(({ gates, sums }) => [
          ...gates.map(({ ofInput }) => sums(ofInput)),
          ...gates.map(({ ofState }) => sums(ofState)),
        ]),
      ],
    ])
    const flows = new Map<number, readonly string[]>([
      [operandAt.x, [inputGradient(b, found)]],
      [operandAt.h, found.map(({ dh }) => dh)],
      [operandAt.c, found.map(({ dc = '' }) => dc)],
    ])
    const lead = batch === undefined ? [] : passes.slice(0, 1).map(batch)
    return node.inputs.map((input, index) => {
      if (input === '') return undefined
      const shape = fixedShape(b, inputOf(node, index))
      const [flow, rows] = [flows.get(index), weights.get(index)]
      if (flow !== undefined) return b.node('Reshape', [joined(b, flow), b.axes(shape)])
      return rows && b.node('Reshape', [joined(b, rows, lead.length), b.axes([...lead, ...shape])])
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
