/**
 * What the gradients of recurrent layers share (backpropagation through time; Werbos 1990). Every state is known from the forward pass, so what a cell computed at
 * each step is computed again for all steps at once, as large products over [steps · batch] rows. Step by step goes only what must: the gradient of the state, backwards. The gradients
 * of the weights are again one product over all rows each.
 */
import type { GraphBuilder } from '../../builder.ts'
import { int, type Node } from '../../ir.ts'
import { operandAt, recurrentOf } from '../../recurrent.ts'
import { cutOut } from '../movement.ts'
import { fixedShape, type GradientRule, inputOf, type Parts } from '../rule.ts'

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
  /** [rows, inputs] */
  readonly x: string
  /** [rows, hidden]: the hidden state before and after each step. */
  readonly before: string
  readonly after: string
  /** [batch, hidden]: zeros, where the node has none. */
  readonly firstCell: () => string
  /** [steps, batch, hidden]: the gradient of Y. */
  readonly dy: string | undefined
  /** [batch, hidden]: the gradients of the last hidden state and the last cell. */
  readonly dh: string
  readonly dc: () => string
}

/** What a cell's rule finds for one direction. */
export type Found = {
  readonly gates: readonly {
    /** [rows, hidden]: the gradients of W·x and its bias, and of R·state and its; often the same. */
    readonly ofInput: string
    readonly ofState: string
    /** [rows, hidden]: what R is multiplied with, `before` in most cells. */
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
    const found = passes.map((pass) => rule(b, pass, node))
    const like = (index: number, parts: readonly string[]): string =>
      b.node('Reshape', [joined(b, parts), b.axes(fixedShape(b, inputOf(node, index)))])
    const ofX = passes.reduce<string | undefined>(
      (sum, { gates }, pass) =>
        gates.reduce((before, { w }, gate) => {
          const { ofInput = '' } = found[pass]?.gates[gate] ?? {}
          return b.node('Gemm', before === undefined ? [ofInput, w] : [ofInput, w, before])
        }, sum),
      undefined,
    )
    const sums = memo((rows) => b.node('ReduceSum', [rows, b.axes([0])], { attributes: { keepdims: int(0) } }))
    const product = (rows: string, others: string): string =>
      b.node('Gemm', [rows, others], { attributes: { transA: int(1) } })
    const has = (index: number): boolean => (node.inputs[index] ?? '') !== ''
    const parts: (string | undefined)[] = node.inputs.map(() => undefined)
    parts[operandAt.x] = like(operandAt.x, ofX === undefined ? [] : [ofX])
    parts[operandAt.w] = like(
      operandAt.w,
      found.flatMap(({ gates }, pass) => gates.map(({ ofInput }) => product(ofInput, passes[pass]?.x ?? ''))),
    )
    parts[operandAt.r] = like(
      operandAt.r,
      found.flatMap(({ gates }) => gates.map(({ ofState, state }) => product(ofState, state))),
    )
    if (has(operandAt.bias))
      parts[operandAt.bias] = like(
        operandAt.bias,
        found.flatMap(({ gates }) => [
          ...gates.map(({ ofInput }) => sums(ofInput)),
          ...gates.map(({ ofState }) => sums(ofState)),
        ]),
      )
    if (has(operandAt.h))
      parts[operandAt.h] = like(
        operandAt.h,
        found.map(({ dh }) => dh),
      )
    if (has(operandAt.c))
      parts[operandAt.c] = like(
        operandAt.c,
        found.map(({ dc = '' }) => dc),
      )
    return parts
  }

/** `make` of each name once. */
function memo(make: (name: string) => string): (name: string) => string {
  const made = new Map<string, string>()
  return (name) => {
    const found = made.get(name) ?? make(name)
    made.set(name, found)
    return found
  }
}

const joined = (b: GraphBuilder, parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] ?? '') : b.node('Concat', parts, { attributes: { axis: int(0) } })

function passesOf(node: Node, [dy, dh, dc]: Parts, b: GraphBuilder): readonly Pass[] {
  const [steps = 0, batch = 0, inputs = 0] = fixedShape(b, inputOf(node, operandAt.x))
  const { hidden, gates, directions } = recurrentOf(
    node,
    node.inputs.map((name) => (name === '' ? undefined : b.shape(name))),
  )
  const rows = steps * batch
  const x = b.node('Reshape', [inputOf(node, operandAt.x), b.axes([rows, inputs])])
  const all = allStates(node, b)
  const noState = memo(() => b.node('Expand', [b.scalar(0), b.axes([batch, hidden])]))
  return directions.map((isReversed, index): Pass => {
    const state = (name: string | undefined): string =>
      name === undefined || name === ''
        ? noState('')
        : part(b, name, { starts: [index], taken: [1, batch, hidden], shape: [batch, hidden] })
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
      firstCell: () => state(node.inputs[operandAt.c]),
      dy: dy === undefined ? undefined : overSteps(dy, [steps, batch, hidden]),
      dh: state(dh),
      dc: () => state(dc),
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

/** W·x of all rows, with its bias. */
export const ofInput = (b: GraphBuilder, { x }: Pick<Pass, 'x'>, { w, wBias }: Gate): string => affine(b, [x, w, wBias])

/** R·state of all rows, with its bias. */
export const ofState = (b: GraphBuilder, state: string, { r, rBias }: Gate): string => affine(b, [state, r, rBias])

/** W·x + R·state of all rows, with both biases. */
export function gateSum(b: GraphBuilder, { x, state }: { x: string; state: string }, gate: Gate): string {
  const { w, r, wBias, rBias } = gate
  const bias = wBias === undefined || rBias === undefined ? undefined : b.node('Add', [wBias, rBias])
  return affine(b, [state, r, affine(b, [x, w, bias])])
}

const affine = (b: GraphBuilder, [rows, weights, added]: readonly [string, string, string | undefined]): string =>
  b.node('Gemm', [rows, weights, ...(added === undefined ? [] : [added])], { attributes: { transB: int(1) } })

/** 1 − x. */
export const complement = (b: GraphBuilder, x: string): string => b.node('Sub', [b.scalar(1), x])
/** The product of all. */
export const times = (b: GraphBuilder, first: string, ...others: readonly string[]): string =>
  others.reduce((product, other) => b.node('Mul', [product, other]), first)
/** 1 − x², the derivative of tanh where it is x. */
export const tanhSlope = (b: GraphBuilder, x: string): string => complement(b, times(b, x, x))

/** [rows, hidden] as [steps, batch, hidden], and back. */
export const bySteps = (
  b: GraphBuilder,
  rows: string,
  { steps, batch, hidden }: Omit<Shift, 'first' | 'isReversed'>,
): string => b.node('Reshape', [rows, b.axes([steps, batch, hidden])])
export const asRows = (
  b: GraphBuilder,
  values: string,
  { steps, batch, hidden }: Omit<Shift, 'first' | 'isReversed'>,
): string => b.node('Reshape', [values, b.axes([steps * batch, hidden])])
