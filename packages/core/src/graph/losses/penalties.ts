/** What is added to a loss to hold weights where they are, or near 0. */
import type { GraphBuilder } from '../builder.ts'

/** λ/2 · Σ‖w‖² over the named kernels. */
export function appendL2(b: GraphBuilder, lambda: number, kernels: readonly string[]): string | undefined {
  if (lambda === 0) return undefined
  const squares = kernels.map((kernel) => sumOfSquares(b, kernel))
  return b.node('Mul', [sum(b, squares), b.scalar(lambda / 2)])
}

/** μ/2 · ‖w − anchor‖² (Li et al. 2020, "Federated Optimization in Heterogeneous Networks", eq. 2). */
export function appendProximal(
  b: GraphBuilder,
  mu: number,
  pairs: readonly { weight: string; anchor: string }[],
): string {
  const squares = pairs.map(({ weight, anchor }) => sumOfSquares(b, b.node('Sub', [weight, anchor])))
  return b.node('Mul', [sum(b, squares), b.scalar(mu / 2)])
}

export const sumOfSquares = (b: GraphBuilder, name: string): string =>
  b.node('ReduceSumSquare', [name], { attributes: { keepdims: { kind: 'int', value: 0 } } })

export const sum = (b: GraphBuilder, names: readonly string[]): string =>
  names.reduce((total, name) => b.node('Add', [total, name]))
