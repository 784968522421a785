/**
 * The moments that Adam, AdamW and LAMB are made of (Kingma and Ba 2015, Algorithm 1). Carried are m / (1 − β₁) and v / (1 − β₂), which need a product less
 * each; all that depends on the number of the step alone is put into two factors.
 */
import type { TensorSpec } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { besideEach, counter, type Parameter, type StateSpec } from './optimizer.ts'

export type Betas = { readonly beta1: number; readonly beta2: number; readonly epsilon: number }
type Next = Map<string, string>

export const momentState = (weights: readonly TensorSpec[]): readonly StateSpec[] => [
  { name: counter, shape: [], initial: 0 },
  ...besideEach(weights, 'm', 'v'),
]

/** m̂ / (√v̂ + ε) = factor · m′ / (√v′ + floor), where m′ and v′ are what is carried. */
export type Factors = { readonly factor: string; readonly floor: string }

/** With r = √((1 − β₂ᵗ) / (1 − β₂)): r·(1 − β₁) / (1 − β₁ᵗ), and ε·r. */
export function appendFactors(b: GraphBuilder, { beta1, beta2, epsilon }: Betas, next: Next): Factors {
  const t = b.node('Add', [counter, b.scalar(1)])
  next.set(counter, t)
  const root = b.node('Sqrt', [b.node('Div', [total(b, t, beta2), b.scalar(1 - beta2)])])
  return {
    factor: b.node('Mul', [root, b.node('Div', [b.scalar(1 - beta1), total(b, t, beta1)])]),
    floor: b.node('Mul', [root, b.scalar(epsilon)]),
  }
}

/**
 * 1 − βᵗ = 2u / (1 + u) with u = tanh(−t·ln(β) / 2). Made of a βᵗ near 1 it would have few digits in Float32, where 1 − 0.999 is not the 0.001 of the moment either: updates would be off
 * by 10⁻⁵ of themselves.
 */
function total(b: GraphBuilder, t: string, beta: number): string {
  if (beta === 0) return b.scalar(1)
  const u = b.node('Tanh', [b.node('Mul', [t, b.scalar(-Math.log(beta) / 2)])])
  return b.node('Div', [b.node('Mul', [u, b.scalar(2)]), b.node('Add', [u, b.scalar(1)])])
}

/** m′ / (√v′ + floor), with ε beside the root, as there and in PyTorch. */
export function appendDirection(
  b: GraphBuilder,
  { name, gradient }: Parameter,
  { beta1, beta2, floor, next }: Omit<Betas, 'epsilon'> & { readonly floor: string; readonly next: Next },
): string {
  const decayed = (state: string, beta: number, added: string): string =>
    b.node('Add', [b.node('Mul', [state, b.scalar(beta)]), added])
  const m = decayed(`${name}@m`, beta1, gradient)
  const v = decayed(`${name}@v`, beta2, b.node('Mul', [gradient, gradient]))
  next.set(`${name}@m`, m).set(`${name}@v`, v)
  return b.node('Div', [m, b.node('Add', [b.node('Sqrt', [v]), floor])])
}
