/** What a step of training costs: numbers to plan with. */
import { dimensionOf, type TensorSpec } from '../../weights.ts'
import { peakOf } from './liveness.ts'
import { operationsOf } from './operations.ts'
import type { ProbeStep } from './probe-step.ts'

export type Cost = {
  readonly batch: number
  /** Values that the optimizer changes. */
  readonly learnt: number
  /** Values that layers keep up themselves: running statistics. */
  readonly kept: number
  /** Values that the optimizer carries beside them. */
  readonly optimizerState: number
  /** What a site gets in a round, and what it sends: all weights that travel, as Float32. */
  readonly roundBytes: { readonly down: number; readonly up: number }
  /** Floating-point operations, a multiplication and an addition being two. */
  readonly operations: { readonly forward: number; readonly step: number }
  readonly memoryBytes: {
    /** Weights and the optimizer's state. */
    readonly carried: number
    /** All that is there at the worst moment of a step: what is carried among it. */
    readonly peak: number
  }
}

const bytesOf = (values: number): number => 4 * values

/** `personal`: names of weights that stay at each site. */
export function costOf(probe: ProbeStep, personal: readonly string[] = []): Cost {
  const { network, state, batch, forward, step } = probe
  const values = (specs: readonly TensorSpec[]): number => dimensionOf(specs)
  const learnt = values(network.weights.filter((weight) => weight.learnt))
  const all = values(network.weights)
  const travelling = bytesOf(values(network.weights.filter(({ name }) => !personal.includes(name))))
  const { givenBytes, madeBytes } = peakOf(step)
  return {
    batch,
    learnt,
    kept: all - learnt,
    optimizerState: values(state),
    roundBytes: { down: travelling, up: travelling },
    operations: { forward: operationsOf(forward), step: operationsOf(step) },
    memoryBytes: { carried: bytesOf(all + values(state)), peak: givenBytes + madeBytes },
  }
}
