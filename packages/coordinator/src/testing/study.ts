/** A small study, and what hospitals would say in it: made by hand, so that nothing need be trained. */
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import type { RoundFigure } from '@wardround/core/metrics/round-figure.ts'
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Finding, Survey } from '@wardround/core/preparation/schema.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { ModelResult, Report } from '@wardround/core/protocol/task.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { flatten, unflatten } from '@wardround/core/safetensors.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'

export type PlanChange = {
  readonly rounds?: object
  readonly strategy?: object
  readonly personal?: readonly string[]
  readonly name?: string
  /** Units of the first layer: 3 weights each, and one more. */
  readonly hidden?: number
  readonly evaluate?: readonly string[]
}

/** One column, seven weights if not said otherwise. */
export const smallPlan = ({
  rounds = {},
  strategy = { fedAvg: {} },
  personal,
  name = 'small',
  hidden = 2,
  evaluate,
}: PlanChange = {}) => ({
  wardround: 1,
  name,
  question: 'Is it?',
  data: {
    patient: 'who',
    target: { column: 'ill', positive: '> 0' },
    columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
    split: { test: 0.3, stratify: 'target' },
    minimumCohort: 5,
  },
  model: {
    layers: [
      { dense: hidden, activation: 'tanh', name: 'hidden' },
      { dense: 1, name: 'output' },
    ],
    ...(personal === undefined ? {} : { personal }),
  },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy,
  rounds: { maximum: 2, deadline: '10m', ...rounds },
  ...(evaluate === undefined ? {} : { evaluate }),
})

export const deadlineMs = 600_000

export const parsedPlan = (change?: PlanChange): ParsedStudy => validatePlan(smallPlan(change))
export const studyIdOf = ({ study, planHash }: ParsedStudy): string => `${study.name}-${planHash.slice(0, 8)}`

export const specsOf = ({ study }: ParsedStudy): readonly TensorSpec[] => splitSpecs(study.model, 1).shared

/** The weights that every study of its seed starts from, flat. */
export function firstWeights(parsed: ParsedStudy): Float32Array<ArrayBuffer> {
  const shared = new Set(specsOf(parsed).map(({ name }) => name))
  const random = seededRandom([parsed.study.seed, 'weights'])
  return flatten(initialWeights(parsed.study.model, 1, random).filter(({ name }) => shared.has(name)))
}

/** An update of twenty records, if not said otherwise. */
export const updateBytes = (
  parsed: ParsedStudy,
  flat: Float32Array<ArrayBuffer>,
  numExamples = 20,
): Uint8Array<ArrayBuffer> => encodeUpdate(unflatten(specsOf(parsed), flat), { numExamples, measurements: {} })

/** Twenty training patients aged 50 ± 10. */
export const survey = (findings: readonly Finding[] = []): Survey => ({
  findings: [...findings],
  patients: { training: 20, validation: 0, test: 10 },
  records: { training: 20, validation: 0, test: 10 },
  columns: { age: { type: 'number', patients: 20, records: 20, mean: 50, m2: 2000, histogram: null } },
  target: { negative: 10, positive: 10 },
})

export const lossFigure = (loss: number, records = 20): RoundFigure => ({
  metric: 'loss',
  records,
  patients: records,
  sum: loss * records,
})

const estimate = (value: number): Estimate => ({ value, low: value - 0.1, high: value + 0.1, n: 10 })
const modelResult = (value: number): ModelResult => ({
  accuracy: estimate(value),
  auroc: estimate(value),
  brier: estimate(1 - value),
  statistic: null,
})

export const finished = (): Report => ({
  kind: 'finish',
  nTrain: 20,
  nTest: 10,
  local: modelResult(0.5),
  federated: modelResult(0.75),
  difference: { accuracy: estimate(0.25), auroc: estimate(0.25), brier: estimate(-0.25) },
  localRounds: 2,
})
