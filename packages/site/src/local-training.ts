/** What training has in common, in a federation, alone, or pooled: first weights, class weights, and training with the study's stop rule. */
import { WardroundError } from '@wardround/core/errors.ts'
import { resolveClassWeights } from '@wardround/core/graph/class-weights.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import type { Inputs } from '@wardround/core/graph/network.ts'
import { judge, type MetricPoint } from '@wardround/core/learning/convergence.ts'
import { classLabels } from '@wardround/core/preparation/encoding.ts'
import { inputsIn, type ModelInputs } from '@wardround/core/preparation/inputs.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { startIn } from '@wardround/core/study/model-forms.ts'
import { outcomeOf } from '@wardround/core/study/outcome.ts'
import { measuredOn, type Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { Prepared } from './dataset.ts'
import { meanOf, measure } from './evaluation.ts'
import type { Amount, TrainRequest } from './training/messages.ts'
import type { Trainer } from './training/trainer.ts'

/** The weights that everybody starts from, personal ones included, where they are drawn (first-weights.ts). */
export const firstWeights = (study: Study, inputs: Inputs): Weights =>
  initialWeights(study.model, inputs, seededRandom([study.seed, 'weights']))

/**
 * A personal weight's first value at a site: as the shared ones, but the last bias of two outcomes starts at the smoothed log-odds
 * log((n₊ + ½) / (n₋ + ½)) of the site's own training records, unless the study says where it starts.
 */
export function withPersonalStart(study: Study, weights: Weights, target: Float32Array): Weights {
  // The last tensor of all, if the outputs have a bias.
  const bias = weights.at(-1)?.name ?? ''
  const { model } = study
  const isDrawn =
    'layers' in model && bias.endsWith('.bias') && model.personal.includes(bias) && !Object.hasOwn(startIn(model), bias)
  if (outcomeOf(study.training.loss) !== 'binary' || !isDrawn) return weights
  const positives = target.reduce((count, label) => count + label, 0)
  const odds = Math.log((positives + 0.5) / (target.length - positives + 0.5))
  return weights.map((tensor) =>
    tensor.name === bias ? { ...tensor, data: new Float32Array(tensor.data.length).fill(odds) } : tensor,
  )
}

/** Class weights for a site's own training records, as the trainer takes them. */
export function classWeightsFor(
  study: Study,
  inputs: Pick<ModelInputs, 'target'>,
): { classWeights?: readonly number[] } {
  const classWeights = resolveClassWeights(study.training.classWeights, {
    target: inputs.target,
    classes: classLabels(study.data.target),
  })
  return classWeights === undefined ? {} : { classWeights }
}

/**
 * How much a site trains in a round, and the streams that shuffle it. Epochs are shuffled anew in each round. Steps are one endless sequence over
 * all rounds: round r takes its steps (r − 1)·steps … r·steps − 1, whether or not the site was there in the rounds before, so that nothing
 * has to be remembered. A schedule of the rate goes by the round's number, or by the steps within it, for the same reason.
 */
export function amountOf(
  { training: { epochs = 1, steps, schedule } }: Study,
  labels: TrainRequest['labels'],
  round: number,
): Amount & Pick<TrainRequest, 'labels' | 'round'> {
  const scheduled = schedule === undefined ? {} : { round }
  return steps === undefined
    ? { epochs, labels: [...labels, round], ...scheduled }
    : { steps, from: (round - 1) * steps, labels: [...labels, 'steps'], ...scheduled }
}

export type RoundsOptions = {
  readonly study: Study
  /** Rounds at most. */
  readonly maximum: number
  readonly start: Weights
  /** One round from `weights`. */
  readonly train: (weights: Weights, round: number) => Promise<Weights>
  /** What the stop rule watches; without one nobody asks. */
  readonly measure: (weights: Weights) => Promise<number | null>
  /** Where the best weights are while others are trained, if not in memory. */
  readonly best?: BestWeights | undefined
  readonly signal?: AbortSignal | undefined
}

/** Those that were put last, to be taken once. */
export type BestWeights = { put(weights: Weights): void; take(): Weights }

function inMemory(): BestWeights {
  let kept: Weights = []
  return {
    put: (weights) => {
      kept = weights
    },
    take: () => kept,
  }
}

/** Rounds of training alone, under the federation's stop rule; the best round's weights. */
export async function trainRounds({
  study,
  maximum,
  start,
  train,
  measure,
  best = inMemory(),
  signal,
}: RoundsOptions): Promise<{ weights: Weights; bestRound: number; rounds: number }> {
  const { stop } = study.rounds
  const history: MetricPoint[] = []
  let weights = start
  for (let round = 1; ; round++) {
    if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
    weights = await train(weights, round)
    history.push({ round, value: stop === undefined ? null : await measure(weights) })
    const { bestRound, stop: ended } = judge(history, stop, maximum)
    const isBest = bestRound === round
    if (ended !== undefined) return { weights: isBest ? weights : best.take(), bestRound, rounds: round }
    // Without a rule the last is the best, whichever it will be.
    if (isBest && stop !== undefined) best.put(weights)
  }
}

/** What the rounds are judged by: the validation records, or the training records where there are none. */
export function watched(study: Study, prepared: Prepared): { inputs: ModelInputs; on: 'validation' | 'training' } {
  const on = measuredOn(study)
  return { inputs: prepared[on], on }
}

export type AloneOptions = {
  readonly prepared: Prepared
  /** What the study starts from, where that is not drawn. */
  readonly first?: Weights
  readonly maximumRounds: number
  readonly best?: BestWeights
}

type Alone = {
  readonly trainer: Trainer
  readonly site: string
  readonly signal?: AbortSignal | undefined
  /** Of the trainer's. */
  readonly stillWanted?: () => void
}

/** The same start, budget and stop rule, with one site's records only. With a place for the best weights, no others are copied. */
export function trainAlone(
  { trainer, site, signal, stillWanted }: Alone,
  study: Study,
  { prepared, first = firstWeights(study, inputsIn(prepared.training)), maximumRounds, best }: AloneOptions,
) {
  const { training } = prepared
  const { inputs } = watched(study, prepared)
  return trainRounds({
    study,
    maximum: Math.min(study.rounds.maximum, maximumRounds),
    start: withPersonalStart(study, first, training.target),
    best,
    signal,
    measure: async (weights) => meanOf(await measure(trainer, study, { weights, inputs })),
    train: async (weights, round) => {
      const request = {
        model: study.model,
        training: study.training,
        data: training,
        weights,
        ...amountOf(study, [study.seed, 'alone', site], round),
        ...classWeightsFor(study, training),
      }
      const options = {
        handOver: best !== undefined,
        ...(signal === undefined ? {} : { signal }),
        ...(stillWanted === undefined ? {} : { stillWanted }),
      }
      return (await trainer.train(request, options)).weights
    },
  })
}
