/** The moments that Adam, AdamW and LAMB are made of (Kingma and Ba 2015, Algorithm 1). βᵗ is carried instead of t. */
import type { TensorSpec } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { average, besideEach, type Parameter, type StateSpec } from './optimizer.ts'

export type Betas = { readonly beta1: number; readonly beta2: number; readonly epsilon: number }
type Next = Map<string, string>

const [power1, power2] = ['@beta1Power', '@beta2Power']

export const momentState = (weights: readonly TensorSpec[]): readonly StateSpec[] => [
  { name: power1, shape: [], initial: 1 },
  { name: power2, shape: [], initial: 1 },
  ...besideEach(weights, 'm', 'v'),
]

/** β₁ᵗ and β₂ᵗ. */
export function appendPowers(b: GraphBuilder, { beta1, beta2 }: Betas, next: Next): { beta1: string; beta2: string } {
  const powers = {
    beta1: b.node('Mul', [power1, b.scalar(beta1)]),
    beta2: b.node('Mul', [power2, b.scalar(beta2)]),
  }
  next.set(power1, powers.beta1).set(power2, powers.beta2)
  return powers
}

/** 1 − βᵗ: what a moment that began at 0 is too small by. */
export const missing = (b: GraphBuilder, power: string): string => b.node('Sub', [b.scalar(1), power])

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
