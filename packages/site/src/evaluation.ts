/** Models measured on this site's patients; nothing is said about fewer than the minimum. */
import { WardroundError } from '@wardround/core/errors.ts'
import { noEstimates, onlyAsked } from '@wardround/core/metrics/estimates.ts'
import { bootstrap } from '@wardround/core/metrics/intervals.ts'
import { type RoundFigure, roundFigure } from '@wardround/core/metrics/round-figure.ts'
import type { Estimates } from '@wardround/core/metrics/schema.ts'
import { type Scored, statisticOf } from '@wardround/core/metrics/statistic.ts'
import type { ModelInputs } from '@wardround/core/preparation/inputs.ts'
import type { ModelResult } from '@wardround/core/protocol/task.ts'
import { askedMetrics } from '@wardround/core/study/metrics.ts'
import { outcomeOf } from '@wardround/core/study/outcome.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { Trainer } from './training/trainer.ts'

export type Predictor = Pick<Trainer, 'predict'>

/** Weights for one prediction: handed over to the trainer, or copied. */
type Asked = { readonly weights: Weights; readonly inputs: ModelInputs; readonly handOver?: boolean }

/** `groups` says how many hospitals' biases the weights hold, and `group` whose apply: only for pooled models. */
export type Grouping = { readonly groups: number; readonly group: number }

export const predict = (
  trainer: Predictor,
  study: Study,
  { weights, inputs, grouping, handOver = false }: Asked & { readonly grouping?: Grouping },
): Promise<Float32Array<ArrayBuffer>> => {
  const group = grouping && { group: new Int32Array(inputs.rows).fill(grouping.group) }
  const request = {
    model: study.model,
    loss: study.training.loss,
    weights,
    data: { ...inputs, ...group },
    ...(grouping && { groups: grouping.groups }),
  }
  return trainer.predict(request, { handOver })
}

/** What the stop rule watches, on these records. */
export async function measure(trainer: Predictor, study: Study, asked: Asked): Promise<RoundFigure | null> {
  const scores = await predict(trainer, study, asked)
  const { target, patients } = asked.inputs
  return watchedFigure(study, { scores, target, patients })
}

/** The mean loss of the records, each alike, without penalties. */
export async function meanLoss(trainer: Predictor, study: Study, asked: Asked): Promise<number> {
  const scores = await predict(trainer, study, asked)
  const { target, patients } = asked.inputs
  const mean = meanOf(roundFigure('loss', study.training.loss, { scores, target, patients }))
  if (mean === null) throw new WardroundError('WR_INTERNAL', { what: 'a loss of no records' })
  return mean
}

export const watchedFigure = (study: Study, scored: Scored): RoundFigure | null =>
  roundFigure(study.rounds.stop?.metric ?? 'loss', study.training.loss, scored)

export const meanOf = (figure: RoundFigure | null): number | null =>
  figure === null ? null : figure.sum / figure.records

export const patientsIn = ({ patients }: Pick<ModelInputs, 'patients'>): number => new Set(patients).size

export type Compared = { readonly results: readonly ModelResult[]; readonly differences: readonly Estimates[] }

/** Several models on the same test patients: the figures that the study asks for, with intervals, and each later model's paired difference to the first. */
export function compare(
  study: Study,
  {
    scores,
    inputs,
    labels,
  }: { scores: readonly Float32Array[]; inputs: ModelInputs; labels: readonly (string | number)[] },
): Compared {
  const { target, patients } = inputs
  const models = scores.map((own) => ({ scores: own, target, patients }))
  const statistics = models.map((model) => statisticOf(study.training.loss, model))
  const { estimates, differences } = bootstrap(models, labels, { outcome: outcomeOf(study.training.loss) })
  const asked = askedMetrics(study)
  return {
    results: estimates.map((own, index) => ({ ...onlyAsked(own, asked), statistic: statistics[index] ?? null })),
    differences: differences.map((own) => onlyAsked(own, asked)),
  }
}

export const hiddenResult = (): ModelResult => ({ ...noEstimates, statistic: null })
