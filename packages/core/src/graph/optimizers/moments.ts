/** The moments that Adam, AdamW and LAMB are made of (Kingma and Ba 2015, Algorithm 1). 1 − βᵗ is carried instead of t. */
import type { TensorSpec } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { average, besideEach, type Parameter, type StateSpec } from './optimizer.ts'

export type Betas = { readonly beta1: number; readonly beta2: number; readonly epsilon: number }
type Next = Map<string, string>

const [total1, total2] = ['@beta1Total', '@beta2Total']

export const momentState = (weights: readonly TensorSpec[]): readonly StateSpec[] => [
  { name: total1, shape: [], initial: 0 },
  { name: total2, shape: [], initial: 0 },
  ...besideEach(weights, 'm', 'v'),
]

/**
 * 1 − β₁ᵗ and 1 − β₂ᵗ: what a moment that began at 0 is too small by, which is what the same average makes of ones. Made of a βᵗ near 1 it would have few
 * digits in Float32, where 1 − 0.999 is not the 0.001 of the moment either: updates would be off by 10⁻⁵ of themselves.
 */
export function appendTotals(b: GraphBuilder, { beta1, beta2 }: Betas, next: Next): { beta1: string; beta2: string } {
  const total = (old: string, beta: number): string =>
    b.node('Add', [b.node('Mul', [old, b.scalar(beta)]), b.scalar(1 - beta)])
  const totals = { beta1: total(total1, beta1), beta2: total(total2, beta2) }
  next.set(total1, totals.beta1).set(total2, totals.beta2)
  return totals
}

/** m / (√v̂ + ε), with ε beside the root, as there and in PyTorch; `root` is √(1 − β₂ᵗ). m is not corrected yet: a factor of its own is cheaper. */
export function appendDirection(
  b: GraphBuilder,
  { name, gradient }: Parameter,
  { beta1, beta2, epsilon, root, next }: Betas & { readonly root: string; readonly next: Next },
): string {
  const m = average(b, `${name}@m`, { value: gradient, beta: beta1 })
  const v = average(b, `${name}@v`, { value: b.node('Mul', [gradient, gradient]), beta: beta2 })
  next.set(`${name}@m`, m).set(`${name}@v`, v)
  const scale = b.node('Add', [b.node('Div', [b.node('Sqrt', [v]), root]), b.scalar(epsilon)])
  return b.node('Div', [m, scale])
}
