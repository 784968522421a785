/** How a restriction of an operator is shown: a use that is refused, and one that differs only in that. */
import type { ErrorCode } from '../../../errors.ts'
import { graphBuilder } from '../../builder.ts'
import { differentiate } from '../../differentiate.ts'
import { importModel } from '../../import/network.ts'
import { float32, toTensor, type Value } from '../../interpreter/values.ts'
import { type Attribute, type Dim, type Graph, int, type Node, type Shape, type Tensor } from '../../ir.ts'

/** An input of a shape, integers that the model computes, a constant, or one that is left out. */
export type Given = Shape | { readonly computed: Shape } | Value | undefined
export type Use = {
  readonly inputs: readonly Given[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly outputs?: number
  /** Trained through, from input 0 to this output. */
  readonly trained?: number
}

export function make(op: string, { inputs, attributes = {}, outputs = 1, trained }: Use): void {
  const b = graphBuilder()
  const names = inputs.map((given, index) => {
    const name = `x${index}`
    if (given === undefined) return ''
    if ('data' in given) return b.initializer(toTensor(name, given))
    return 'computed' in given
      ? b.input({ name, type: 'int64', shape: given.computed })
      : b.input({ name, type: 'float32', shape: given })
  })
  const made = b.several(op, names, { attributes, outputs })
  if (trained === undefined) return
  differentiate(b, b.node('ReduceSum', [made[trained] ?? ''], { attributes: { keepdims: int(0) } }), ['x0'])
}

export type File = {
  readonly nodes: readonly Partial<Node>[]
  readonly initializers?: readonly Tensor[]
  readonly shape?: readonly Dim[]
  readonly opset?: number
}

/** A model from x to y. */
export function read({ nodes, initializers = [], shape = ['batch', 2, 2], opset = 20 }: File): void {
  const graph: Graph = {
    name: 'model',
    inputs: [{ name: 'x', type: 'float32', shape }],
    outputs: [{ name: 'y', type: 'float32', shape: [] }],
    initializers,
    nodes: nodes.map((node) => ({ op: '', domain: '', inputs: ['x'], outputs: ['y'], attributes: {}, ...node })),
  }
  importModel({ graph, opset, metadata: {} })
}

/** Of an operator, by the name that the words have for it: a use that is refused, and one that differs only in that. */
export type Row = {
  readonly code: ErrorCode
  readonly fine: () => void
  readonly refused: readonly (() => void)[]
}

export const INVALID = 'WR_GRAPH_INVALID'
export const REFUSED = 'WR_GRAPH_REFUSED'

/** `fine` with each of `changes` is refused. */
export const uses =
  (code: ErrorCode, fine: Use, ...changes: readonly Partial<Use>[]) =>
  (op: string): Row => ({
    code,
    fine: () => make(op, fine),
    refused: changes.map(
      ({ attributes, ...change }) =>
        () =>
          make(op, { ...fine, ...change, attributes: { ...fine.attributes, ...attributes } }),
    ),
  })
export const files =
  (code: ErrorCode, fine: (op: string) => File, ...others: readonly ((op: string) => File)[]) =>
  (op: string): Row => ({
    code,
    fine: () => read(fine(op)),
    refused: others.map((other) => () => read(other(op))),
  })
export type Rows = Readonly<Record<string, (op: string) => Row>>

export const matrix: Shape = [2, 3]
export const image: Shape = [1, 2, 4, 4]
export const computed = { computed: [1] }
export const scalar: Value = { type: 'int64', shape: [], data: [1] }
export const floats = (...data: readonly number[]): Value => float32([data.length], data)
export const number = (value: number): Value => float32([], [value])

export const alongOpen = (fine: Use, open: Shape = [2, 'rows']): ((op: string) => Row) =>
  uses(INVALID, fine, { inputs: fine.inputs.with(0, open) })
