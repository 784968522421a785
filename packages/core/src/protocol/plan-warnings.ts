/** What a study may ask for, and should not: said by `study check`, never enforced. */
import { trimmedOf } from '../learning/aggregators.ts'
import { faultyOf, keptOf } from '../learning/krum.ts'
import type { TrainingSpec } from '../study/model.ts'
import type { StrategySpec } from '../study/strategy.ts'
import { measuredOn, type Study } from '../study/study.ts'
import { problemWords } from '../words/en/study.ts'

/** `hospitals`: how many will take part, where that is known. */
export function warningsFor({ data, rounds, strategy, training }: Study, hospitals?: number): string[] {
  const fewest = rounds.quorum ?? hospitals
  return [
    ...(data.minimumCohort < 5 ? [problemWords.smallCohort(data.minimumCohort)] : []),
    ...(rounds.stop !== undefined && measuredOn({ data }) === 'training' ? [problemWords.stopsOnTraining()] : []),
    ...('cyclic' in strategy && rounds.stop !== undefined ? [problemWords.stopsOnOne()] : []),
    ...(rounds.stop !== undefined && rounds.stop.patience >= rounds.maximum ? [problemWords.patienceTooLong()] : []),
    ...(hospitals !== undefined && (rounds.quorum ?? 0) > hospitals
      ? [problemWords.quorumOutOfReach(rounds.quorum ?? 0, hospitals)]
      : []),
    ...(fewest === undefined ? [] : tooFewFor(strategy, fewest)),
    ...unlikeItsPaper(strategy, training),
  ]
}

/** Where a robust rule bears nobody's mistake in the smallest round that the study allows, or fewer than it says. */
function tooFewFor(strategy: StrategySpec, sites: number): string[] {
  if ('median' in strategy && sites < 3) return [problemWords.medianOfFew(sites)]
  if ('trimmedMean' in strategy && trimmedOf(strategy.trimmedMean.beta, sites) === 0)
    return [problemWords.trimsNobody(strategy.trimmedMean.beta, sites)]
  if ('krum' in strategy) return krumOfFew('krum', strategy.krum.faulty, sites)
  if ('multiKrum' in strategy) {
    const { faulty, keep } = strategy.multiKrum
    const wrong = Math.max(1, faultyOf(faulty, sites))
    const kept = keptOf(keep, sites, faultyOf(faulty, sites))
    return [
      ...krumOfFew('multiKrum', faulty, sites),
      ...(kept > Math.max(1, sites - wrong) ? [problemWords.keepsTheWrong({ kept, sites, wrong })] : []),
    ]
  }
  const majority =
    'geometricMedian' in strategy ||
    ('normBound' in strategy && strategy.normBound.norm === 'median') ||
    ('centredClipping' in strategy && strategy.centredClipping.radius === 'median')
  return majority && sites < 3 ? [problemWords.majorityOfFew(Object.keys(strategy).join(''), sites)] : []
}

/** Strategies that read a gradient, or a number of steps, out of an update: they are about wᵗ⁺¹ = wᵗ − η·g. */
const forPlainDescent = ['fedNova', 'qFedAvg']

/** Where an update is the sum of a round's gradients times one rate, the same in every round. */
export const isPlainDescent = ({
  optimizer,
  schedule,
  clipGradients,
}: Pick<TrainingSpec, 'optimizer' | 'schedule' | 'clipGradients'>): boolean =>
  'sgd' in optimizer && optimizer.sgd.momentum === 0 && schedule === undefined && clipGradients === undefined

function unlikeItsPaper(strategy: StrategySpec, training: TrainingSpec): string[] {
  return isPlainDescent(training)
    ? []
    : forPlainDescent.filter((name) => name in strategy).map(problemWords.notPlainDescent)
}

/** Krum's guarantee needs 2f + 3 hospitals. */
function krumOfFew(name: string, faulty: number | undefined, sites: number): string[] {
  const wanted = faulty ?? 1
  const bears = faultyOf(wanted, sites)
  return bears < wanted ? [problemWords.krumOfFew(name, { sites, wanted, bears })] : []
}
