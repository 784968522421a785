/** Local optimizers. Their state is graph state: it goes into a step and comes out of it, like the weights. */
import type { OptimizerSpec } from '../study/model.ts'
import type { TensorSpec } from '../weights.ts'
import type { GraphBuilder } from './builder.ts'

/** A state tensor and its first value. */
export type StateSpec = TensorSpec & { readonly initial: number }

export type Optimizer = {
  /** What is carried from step to step beside the weights. */
  state(weights: readonly TensorSpec[]): readonly StateSpec[]
  /** Appends one step. `names` of state are those of state(); the answer gives each one's next value, and each weight's. */
  step(b: GraphBuilder, parameters: readonly Parameter[]): ReadonlyMap<string, string>
}
export type Parameter = { readonly name: string; readonly gradient: string }

export function optimizerOf(spec: OptimizerSpec): Optimizer {
  return 'sgd' in spec ? sgd(spec.sgd) : adam(spec.adam)
}

/**
 * w ← w − η·v, v ← m·v + g; with m = 0 plain gradient descent. This is PyTorch's momentum (Sutskever et al. 2013, eq. 3, in
 * the form where the rate multiplies the velocity), which differs from Keras's when the rate changes.
 */
function sgd({ rate, momentum }: { rate: number; momentum: number }): Optimizer {
  const velocity = (name: string): string => `${name}@velocity`
  return {
    state: (weights) =>
      momentum === 0 ? [] : weights.map(({ name, shape }) => ({ name: velocity(name), shape, initial: 0 })),
    step: (b, parameters) => {
      const next = new Map<string, string>()
      for (const { name, gradient } of parameters) {
        const v =
          momentum === 0 ? gradient : b.node('Add', [b.node('Mul', [velocity(name), b.scalar(momentum)]), gradient])
        if (momentum !== 0) next.set(velocity(name), v)
        next.set(name, b.node('Sub', [name, b.node('Mul', [v, b.scalar(rate)])]))
      }
      return next
    },
  }
}

/** Kingma and Ba 2015, Algorithm 1; ε is added to √v̂, as there and in PyTorch. βᵗ is carried instead of t. */
function adam(options: { rate: number; beta1: number; beta2: number; epsilon: number }): Optimizer {
  const [power1, power2] = ['@beta1Power', '@beta2Power']
  return {
    state: (weights) => [
      { name: power1, shape: [], initial: 1 },
      { name: power2, shape: [], initial: 1 },
      ...weights.flatMap(({ name, shape }) => [
        { name: `${name}@m`, shape, initial: 0 },
        { name: `${name}@v`, shape, initial: 0 },
      ]),
    ],
    step: (b, parameters) => {
      const next = new Map<string, string>()
      const powers = {
        beta1: b.node('Mul', [power1, b.scalar(options.beta1)]),
        beta2: b.node('Mul', [power2, b.scalar(options.beta2)]),
      }
      next.set(power1, powers.beta1).set(power2, powers.beta2)
      const rate = b.node('Div', [b.scalar(options.rate), b.node('Sub', [b.scalar(1), powers.beta1])])
      const root = b.node('Sqrt', [b.node('Sub', [b.scalar(1), powers.beta2])])
      for (const { name, gradient } of parameters) {
        const m = average(b, `${name}@m`, { value: gradient, beta: options.beta1 })
        const v = average(b, `${name}@v`, { value: b.node('Mul', [gradient, gradient]), beta: options.beta2 })
        const scale = b.node('Add', [b.node('Div', [b.node('Sqrt', [v]), root]), b.scalar(options.epsilon)])
        const step = b.node('Mul', [rate, b.node('Div', [m, scale])])
        next
          .set(`${name}@m`, m)
          .set(`${name}@v`, v)
          .set(name, b.node('Sub', [name, step]))
      }
      return next
    },
  }
}

/** β·old + (1 − β)·value. */
const average = (b: GraphBuilder, old: string, { value, beta }: { value: string; beta: number }): string =>
  b.node('Add', [b.node('Mul', [old, b.scalar(beta)]), b.node('Mul', [value, b.scalar(1 - beta)])])
