/** What a step of training costs: numbers to plan with. */

import type { Study } from '../../study/study.ts'
import { dimensionOf, type TensorSpec } from '../../weights.ts'
import { type Inputs, splitSpecs } from '../network.ts'
import { isDivided } from '../parted-step.ts'
import { peakOf } from './liveness.ts'
import { operationsOf } from './operations.ts'
import { type ProbeStep, studyStep } from './probe-step.ts'

export type Cost = {
  readonly batch: number
  /** Values that the optimizer changes. */
  readonly learnt: number
  /** Values that layers keep up themselves: running statistics. */
  readonly kept: number
  /** Values that a study freezes where they start. */
  readonly frozen: number
  /** Values that the optimizer carries beside them. */
  readonly optimizerState: number
  /** What a site gets in a round, and what it sends: all weights that travel, as Float32. */
  readonly roundBytes: { readonly down: number; readonly up: number }
  /** Floating-point operations, a multiplication and an addition being two. */
  readonly operations: { readonly forward: number; readonly step: number }
  /** Examples that are worked on at once, where a study says so: what follows is of these. */
  readonly microbatch?: number
  readonly memoryBytes: {
    /** Weights and the optimizer's state. */
    readonly carried: number
    /** All that is there at the worst moment of a step: what is carried among it. */
    readonly peak: number
  }
}

/** Of a study, for a batch of this size. Errors: WR_STUDY_INVALID. */
export function studyCost(
  study: Pick<Study, 'model' | 'training'>,
  { inputs, batch }: { readonly inputs: Inputs; readonly batch: number },
): { readonly probe: ProbeStep; readonly cost: Cost } {
  const travelling = splitSpecs(study.model, inputs).shared
  const probe = studyStep(study, { inputs, batch })
  const cost = costOf(probe, travelling)
  const { microbatch } = study.training
  if (!isDivided(microbatch, batch)) return { probe, cost }
  const { memoryBytes } = costOf(studyStep(study, { inputs, batch: microbatch }), travelling)
  return { probe, cost: { ...cost, microbatch, memoryBytes } }
}

const bytesOf = (values: number): number => 4 * values

/** `travelling`: of the weights those that sites send; all, unless a study says otherwise. */
export function costOf(probe: ProbeStep, travelling: readonly TensorSpec[] = probe.network.weights): Cost {
  const { network, state, batch, forward, step } = probe
  const all = dimensionOf(network.weights)
  const learnt = dimensionOf(network.weights.filter((weight) => weight.learnt))
  const frozen = dimensionOf(network.weights.filter((weight) => weight.frozen === true))
  const each = bytesOf(dimensionOf(travelling))
  const { givenBytes, madeBytes } = peakOf(step)
  return {
    batch,
    learnt,
    kept: all - learnt - frozen,
    frozen,
    optimizerState: dimensionOf(state),
    roundBytes: { down: each, up: each },
    operations: { forward: operationsOf(forward), step: operationsOf(step) },
    memoryBytes: { carried: bytesOf(all + dimensionOf(state)), peak: givenBytes + madeBytes },
  }
}
