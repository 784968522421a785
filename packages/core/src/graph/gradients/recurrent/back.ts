/** The sweep backwards through time: what is known of every step at once goes in as a factor, and each gate's gradient comes out. */
import type { GraphBuilder } from '../../builder.ts'
import { overTime } from './over-time.ts'
import { asRows, bySteps, type Pass } from './pass.ts'

export type Sweep = {
  /** The gradients of the states after the last step, [batch, hidden]; the first is that of the hidden state. */
  readonly states: readonly string[]
  /** Factors of every step, [rows, hidden]. */
  readonly factors: readonly string[]
  /** Recurrent weights. */
  readonly weights: readonly string[]
  /** One step: from the gradients of the states after it to those of the states before it, and of its gates. */
  readonly step: (
    inner: GraphBuilder,
    names: { readonly states: readonly string[]; readonly factors: readonly string[] },
  ) => { readonly states: readonly string[]; readonly collected: readonly string[] }
}

/** The gradients of the states before the first step, and what the steps collected, as rows. */
export function backwards(
  b: GraphBuilder,
  pass: Pass,
  { states, factors, weights, step }: Sweep,
): { states: readonly string[]; collected: readonly string[] } {
  const { dy } = pass
  const made = overTime(b, {
    states,
    scanned: [...(dy === undefined ? [] : [dy]), ...factors.map((factor) => bySteps(b, factor, pass))],
    fixed: weights,
    isReversed: !pass.isReversed,
    step: (inner, { states: [dh = '', ...others], slices }) =>
      dy === undefined
        ? step(inner, { states: [dh, ...others], factors: slices })
        : step(inner, {
            states: [inner.node('Add', [dh, slices[0] ?? '']), ...others],
            factors: slices.slice(1),
          }),
  })
  return { states: made.states, collected: made.collected.map((values) => asRows(b, values, pass)) }
}
