/** What is told of a model in a federation of four clinics. */
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Split } from './images.ts'
import type { Partition } from './partition.ts'

/** What a federated model may be behind the centralised one in accuracy, on the clean split. */
export const target = 0.02

export type Row = {
  readonly model: string
  readonly split: Split
  readonly partition: Partition
  readonly nTrain: readonly number[]
  readonly nTest: number
  readonly rounds: number
  /** Sent and received by all clinics together, in one round. */
  readonly bytesPerRound: number
  /** Over all test images. Of single clinics: each tests its own quarter of them, so that this is the mean of four models. */
  readonly accuracy: Readonly<Record<'federated' | 'centralised' | 'single', Estimate>>
  readonly federatedMinusCentralised: number | null
  readonly withinTarget: boolean | null
}

const nobody: Estimate = { value: null, low: null, high: null, n: null }

/** `centralised` is of the same images, where it is not among the results. */
export function rowOf(
  { model, split, partition }: Pick<Row, 'model' | 'split' | 'partition'>,
  { sites, rounds, bytesUp, bytesDown, overall }: Results,
  centralised: Estimate = overall.centralised?.accuracy ?? nobody,
): Row {
  const federated = overall.federated.accuracy
  const difference = federated.value === null || centralised.value === null ? null : federated.value - centralised.value
  return {
    model,
    split,
    partition,
    nTrain: sites.map(({ nTrain }) => nTrain ?? 0),
    nTest: sites.reduce((sum, { nTest }) => sum + (nTest ?? 0), 0),
    rounds: rounds.length,
    bytesPerRound: Math.round((bytesUp + bytesDown) / Math.max(1, rounds.length)),
    accuracy: { federated, centralised, single: overall.local.accuracy },
    federatedMinusCentralised: difference,
    withinTarget: difference === null ? null : difference >= -target,
  }
}
