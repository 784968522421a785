/** What light sites report. Nothing is computed for it. */
import { noEstimates } from '@wardround/core/metrics/estimates.ts'
import type { Report } from '@wardround/core/protocol/task.ts'
import { hiddenResult } from '@wardround/site/evaluation.ts'

export const patients = 40

export const surveyed = (): Report => ({
  kind: 'prepare',
  survey: {
    findings: [],
    patients: { training: patients, validation: 0, test: 20 },
    records: { training: patients, validation: 0, test: 20 },
    columns: { age: { type: 'number', patients, records: patients, mean: 50, m2: 10_000, histogram: null } },
    target: { negative: 20, positive: 20 },
  },
})

/** Every prediction is a half. */
export const evaluated = (): Report => ({
  kind: 'evaluate',
  on: 'training',
  figure: { metric: 'loss', records: patients, patients, sum: patients * Math.LN2 },
})

export const finished = (): Report => ({
  kind: 'finish',
  nTrain: null,
  nTest: null,
  local: hiddenResult(),
  federated: hiddenResult(),
  difference: noEstimates,
  localRounds: 0,
})
