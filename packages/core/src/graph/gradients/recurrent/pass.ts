/** A recurrent node as its directions: matrices over all steps and examples, taken out of ONNX's stacked operands. */
import type { GraphBuilder } from '../../builder.ts'
import type { Node } from '../../ir.ts'
import { operandAt, recurrentOf } from '../../recurrent.ts'
import { cutOut } from '../movement.ts'
import { fixedShape, inputOf, type Parts } from '../rule.ts'
import { joined } from './cell.ts'

/** Of one gate: W [hidden, inputs], R [hidden, hidden], and their biases [hidden], where the layer has any. */
export type Gate = {
  readonly w: string
  readonly r: string
  readonly wBias?: string
  readonly rBias?: string
}

/** One direction of a layer. Rows are steps, and in each the examples. */
export type Pass = {
  readonly steps: number
  readonly batch: number
  readonly hidden: number
  readonly isReversed: boolean
  readonly gates: readonly Gate[]
  /** Of all gates, one below the other: [gates · hidden, inputs], [gates · hidden, hidden]. */
  readonly w: string
  readonly r: string
  /** [rows, inputs] */
  readonly x: string
  /** [rows, hidden]: the hidden state before and after each step. */
  readonly before: string
  readonly after: string
  /** [batch, hidden]: the cell before the first step; zeros where the node has none. */
  readonly firstCell: string
  /** [steps, batch, hidden]: the gradient of Y. */
  readonly dy: string | undefined
  /** [batch, hidden]: the gradients of the last hidden state and the last cell, zeros where the loss does not depend on them. */
  readonly dh: string
  readonly dc: string
}

/** Errors: WR_GRAPH_REFUSED where steps or batch are known only when the graph runs. */
export function passesOf(node: Node, [dy, dh, dc]: Parts, b: GraphBuilder): readonly Pass[] {
  const [steps = 0, batch = 0, inputs = 0] = fixedShape(b, inputOf(node, operandAt.x))
  const { hidden, gates, directions } = recurrentOf(
    node,
    node.inputs.map((name) => (name === '' ? undefined : b.shape(name))),
  )
  const rows = steps * batch
  const x = b.node('Reshape', [inputOf(node, operandAt.x), b.axes([rows, inputs])])
  const all = allStates(node, b)
  const noState = (): string => b.node('Expand', [b.scalar(0), b.axes([batch, hidden])])
  return directions.map((isReversed, index): Pass => {
    const state = (name: string | undefined): string =>
      name === undefined || name === ''
        ? noState()
        : part(b, name, { starts: [index], taken: [1, batch, hidden], shape: [batch, hidden] })
    const matrix = (operand: number, width: number): string => {
      const shape = [gates * hidden, width]
      return part(b, inputOf(node, operand), { starts: [index], taken: [1, ...shape], shape })
    }
    const overSteps = (name: string, shape: readonly number[]): string =>
      part(b, name, { starts: [0, index], taken: [steps, 1, batch, hidden], shape })
    const after = overSteps(all, [rows, hidden])
    const first = state(node.inputs[operandAt.h])
    const shape = { steps, batch, hidden, isReversed }
    return {
      ...shape,
      x,
      after,
      before: shifted(b, after, { ...shape, first }),
      gates: gatesOf(node, b, { index, gates, hidden, inputs }),
      w: matrix(operandAt.w, inputs),
      r: matrix(operandAt.r, hidden),
      firstCell: state(node.inputs[operandAt.c]),
      dy: dy === undefined ? undefined : overSteps(dy, [steps, batch, hidden]),
      dh: state(dh),
      dc: state(dc),
    }
  })
}

/** Y, computed again where the node does not name it. */
function allStates(node: Node, b: GraphBuilder): string {
  const [y = ''] = node.outputs
  if (y !== '') return y
  const [again = ''] = b.several(node.op, node.inputs, { attributes: node.attributes, outputs: 1 })
  return again
}

/** Some of a value, in another shape of as many elements. */
function part(
  b: GraphBuilder,
  name: string,
  { starts, taken, shape }: Readonly<Record<'starts' | 'taken' | 'shape', readonly number[]>>,
): string {
  return b.node('Reshape', [cutOut(b, name, { starts, shape: taken }), b.axes(shape)])
}

function gatesOf(
  node: Node,
  b: GraphBuilder,
  { index, gates, hidden, inputs }: Readonly<Record<'index' | 'gates' | 'hidden' | 'inputs', number>>,
): readonly Gate[] {
  const rowsOf = (operand: number, gate: number, width: number): string =>
    part(b, inputOf(node, operand), {
      starts: [index, gate * hidden],
      taken: [1, hidden, width],
      shape: [hidden, width],
    })
  const bias = node.inputs[operandAt.bias] ?? ''
  const biasOf = (gate: number): string =>
    part(b, bias, { starts: [index, gate * hidden], taken: [1, hidden], shape: [hidden] })
  return Array.from({ length: gates }, (_, gate) => ({
    w: rowsOf(operandAt.w, gate, inputs),
    r: rowsOf(operandAt.r, gate, hidden),
    ...(bias === '' ? {} : { wBias: biasOf(gate), rBias: biasOf(gates + gate) }),
  }))
}

type Shift = Pick<Pass, 'steps' | 'batch' | 'hidden' | 'isReversed'> & { readonly first: string }

/** A state before each step from that after it, [rows, hidden]. */
export function shifted(b: GraphBuilder, after: string, { steps, batch, hidden, isReversed, first }: Shift): string {
  if (steps === 1) return first
  const others = cutOut(b, after, { starts: [isReversed ? batch : 0], shape: [(steps - 1) * batch, hidden] })
  return joined(b, isReversed ? [others, first] : [first, others])
}

/** [rows, …] as [steps, batch, …], and back. */
export const bySteps = (b: GraphBuilder, rows: string, { steps, batch }: Pick<Pass, 'steps' | 'batch'>): string =>
  b.node('Reshape', [rows, b.axes([steps, batch, ...b.shape(rows).slice(1).map(Number)])])
export const asRows = (b: GraphBuilder, values: string, { steps, batch }: Pick<Pass, 'steps' | 'batch'>): string =>
  b.node('Reshape', [values, b.axes([steps * batch, ...b.shape(values).slice(2).map(Number)])])
