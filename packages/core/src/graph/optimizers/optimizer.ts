/** What a local optimizer is. Its state is graph state: it goes into a step and comes out of it, like the weights. */
import type { TensorSpec } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'

/** A state tensor and its first value. */
export type StateSpec = TensorSpec & { readonly initial: number }

/** The state, if an optimizer has it, that says how many steps have been taken. */
export const counter = '@steps'

export type Optimizer = {
  /** Whether each value of a weight goes its own way, so that it does not matter which tensor it is in. */
  readonly isElementwise: boolean
  /** What is carried from step to step beside the weights. */
  state(weights: readonly TensorSpec[]): readonly StateSpec[]
  /**
   * Appends one step. `names` of state are those of state(); the answer gives each one's next value, and each weight's. `rate` is a scalar that takes the
   * place of the optimizer's own rate.
   */
  step(b: GraphBuilder, parameters: readonly Parameter[], rate?: string): ReadonlyMap<string, string>
}
export type Parameter = { readonly name: string; readonly gradient: string }

/** A state tensor for each weight, `<weight>@<what>`, at first 0. */
export const besideEach = (weights: readonly TensorSpec[], ...what: readonly string[]): readonly StateSpec[] =>
  weights.flatMap(({ name, shape }) => what.map((one) => ({ name: `${name}@${one}`, shape, initial: 0 })))

/** β·old + (1 − β)·value. */
export const average = (b: GraphBuilder, old: string, { value, beta }: { value: string; beta: number }): string =>
  b.node('Add', [b.node('Mul', [old, b.scalar(beta)]), b.node('Mul', [value, b.scalar(1 - beta)])])

/** g + λ·w: weight decay as PyTorch has it wherever it is not decoupled. λ absent: none. */
export const withDecay = (b: GraphBuilder, { name, gradient }: Parameter, lambda: number | undefined): string =>
  lambda === undefined ? gradient : b.node('Add', [gradient, b.node('Mul', [name, b.scalar(lambda)])])
