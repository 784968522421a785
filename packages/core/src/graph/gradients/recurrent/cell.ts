/** What cells are made of, over all rows at once. */
import type { GraphBuilder } from '../../builder.ts'
import { int } from '../../ir.ts'
import type { Gate, Pass } from './pass.ts'

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

/** `parts` one below the other, or side by side along another axis. */
export const joined = (b: GraphBuilder, parts: readonly string[], axis = 0): string =>
  parts.length === 1 ? (parts[0] ?? '') : b.node('Concat', parts, { attributes: { axis: int(axis) } })

/** `make` of each name once. */
export function memo(make: (name: string) => string): (name: string) => string {
  const made = new Map<string, string>()
  return (name) => {
    const found = made.get(name) ?? make(name)
    made.set(name, found)
    return found
  }
}
