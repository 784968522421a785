/** Statistics made from predictions, and merged: merging the parts gives the statistic of the whole. */
import { WardroundError } from '../errors.ts'
import type { Loss } from '../study/loss.ts'
import { outcomeOf } from '../study/outcome.ts'
import { firstNotFinite } from '../vector.ts'
import { concordanceOf, partialLikelihood } from './concordance.ts'
import { maskFigures, type OverlapSums, overlapSums } from './overlap.ts'
import {
  type BinaryStatistic,
  logLossOf,
  type MulticlassStatistic,
  type RegressionStatistic,
  type ScoreCell,
  type SegmentationStatistic,
  type Statistic,
  type SurvivalStatistic,
  scoreBins,
} from './schema.ts'

export type Scored = {
  /** [rows] probabilities of the positive class, values or log-hazards, or [rows, classes] probabilities; of masks how well each is met (overlap.ts). */
  readonly scores: Float32Array
  /** [rows], or [rows, 2] times and events. */
  readonly target: Float32Array
  /** [rows] whose record it is. */
  readonly patients: readonly string[]
}

/** Finite weights may still predict NaN, where they are large. Errors: WR_WEIGHTS_NOT_FINITE. */
export function requireFinite(scores: Float32Array): void {
  if (firstNotFinite(scores) >= 0) throw new WardroundError('WR_WEIGHTS_NOT_FINITE', { tensor: 'prediction' })
}

/** Errors: WR_WEIGHTS_NOT_FINITE for predictions that are not finite. */
export function statisticOf(loss: Loss, scored: Scored): Statistic {
  requireFinite(scored.scores)
  switch (outcomeOf(loss)) {
    case 'binary':
      return binaryStatistic(scored)
    case 'multiclass':
      return multiclassStatistic(scored)
    case 'regression':
      return regressionStatistic(scored)
    case 'survival':
      return survivalStatistic(scored)
    case 'segmentation':
      return segmentationStatistic(scored)
  }
}

export const binOf = (score: number): number => Math.min(scoreBins - 1, Math.floor(score * scoreBins))

function binaryStatistic({ scores, target, patients }: Scored): BinaryStatistic {
  const cells: [Map<number, ScoreCell>, Map<number, ScoreCell>] = [new Map(), new Map()]
  let lossSum = 0
  for (const [row, score] of scores.entries()) {
    const label = target[row] === 1 ? 1 : 0
    const bin = binOf(score)
    const before = cells[label].get(bin) ?? { bin, count: 0, scoreSum: 0, squaredErrorSum: 0 }
    cells[label].set(bin, {
      bin,
      count: before.count + 1,
      scoreSum: before.scoreSum + score,
      squaredErrorSum: before.squaredErrorSum + (score - label) ** 2,
    })
    lossSum += logLossOf(label === 1 ? score : 1 - score)
  }
  return {
    kind: 'binary',
    negative: sorted(cells[0]),
    positive: sorted(cells[1]),
    lossSum,
    patients: new Set(patients).size,
  }
}

const sorted = (cells: ReadonlyMap<number, ScoreCell>): ScoreCell[] =>
  [...cells.values()].toSorted((a, b) => a.bin - b.bin)

function multiclassStatistic({ scores, target, patients }: Scored): MulticlassStatistic {
  const classes = scores.length / target.length
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  let [lossSum, squaredErrorSum] = [0, 0]
  for (const [row, label] of target.entries()) {
    const own = scores.subarray(row * classes, (row + 1) * classes)
    const predicted = own.indexOf(Math.max(...own))
    const counts = confusion[label]
    if (counts !== undefined) counts[predicted] = (counts[predicted] ?? 0) + 1
    lossSum += logLossOf(own[label] ?? 0)
    squaredErrorSum += own.reduce((sum, score, index) => sum + (score - (index === label ? 1 : 0)) ** 2, 0)
  }
  return { kind: 'multiclass', confusion, lossSum, squaredErrorSum, patients: new Set(patients).size }
}

function regressionStatistic({ scores, target, patients }: Scored): RegressionStatistic {
  const sums = { squaredErrorSum: 0, absoluteErrorSum: 0, targetSum: 0, targetSquareSum: 0 }
  for (const [row, truth] of target.entries()) {
    const error = (scores[row] ?? 0) - truth
    sums.squaredErrorSum += error * error
    sums.absoluteErrorSum += Math.abs(error)
    sums.targetSum += truth
    sums.targetSquareSum += truth * truth
  }
  return { kind: 'regression', records: target.length, ...sums, patients: new Set(patients).size }
}

function survivalStatistic({ patients, ...scored }: Scored): SurvivalStatistic {
  const { comparable, concordant } = concordanceOf(scored)()
  const { lossSum, events } = partialLikelihood(scored)
  return {
    kind: 'survival',
    records: scored.scores.length,
    comparablePairs: comparable,
    concordantPairs: concordant,
    events,
    // It is none below 0, but for rounding.
    lossSum: Math.max(0, lossSum),
    patients: new Set(patients).size,
  }
}

function segmentationStatistic({ scores, patients }: Scored): SegmentationStatistic {
  const { losses, overlaps } = maskFigures(scores, patients.length)
  return {
    kind: 'segmentation',
    records: patients.length,
    // It is none below 0, but for rounding.
    lossSum: Math.max(
      0,
      losses.reduce((sum, loss) => sum + loss, 0),
    ),
    labels: [...overlapSums(overlaps)],
    patients: new Set(patients).size,
  }
}

/** The statistic of all parts together; patients are assumed to be in one part only, as sites' patients are. Errors: WR_BODY_INVALID for parts of different kinds. */
export function mergeStatistics(parts: readonly Statistic[]): Statistic | null {
  return parts.reduce<Statistic | null>((merged, part) => (merged === null ? part : mergeTwo(merged, part)), null)
}

function mergeTwo(a: Statistic, b: Statistic): Statistic {
  const common = { patients: a.patients + b.patients }
  if (a.kind === 'binary' && b.kind === 'binary') {
    return {
      ...a,
      ...common,
      negative: mergeCells(a.negative, b.negative),
      positive: mergeCells(a.positive, b.positive),
      lossSum: a.lossSum + b.lossSum,
    }
  }
  if (a.kind === 'multiclass' && b.kind === 'multiclass' && a.confusion.length === b.confusion.length) {
    const confusion = a.confusion.map((row, truth) =>
      row.map((value, predicted) => value + (b.confusion[truth]?.[predicted] ?? 0)),
    )
    return {
      ...a,
      ...common,
      confusion,
      lossSum: a.lossSum + b.lossSum,
      squaredErrorSum: a.squaredErrorSum + b.squaredErrorSum,
    }
  }
  if (a.kind === 'regression' && b.kind === 'regression') {
    return {
      kind: 'regression',
      ...common,
      records: a.records + b.records,
      squaredErrorSum: a.squaredErrorSum + b.squaredErrorSum,
      absoluteErrorSum: a.absoluteErrorSum + b.absoluteErrorSum,
      targetSum: a.targetSum + b.targetSum,
      targetSquareSum: a.targetSquareSum + b.targetSquareSum,
    }
  }
  if (a.kind === 'survival' && b.kind === 'survival') {
    return {
      kind: 'survival',
      ...common,
      records: a.records + b.records,
      events: a.events + b.events,
      comparablePairs: a.comparablePairs + b.comparablePairs,
      concordantPairs: a.concordantPairs + b.concordantPairs,
      lossSum: a.lossSum + b.lossSum,
    }
  }
  if (a.kind === 'segmentation' && b.kind === 'segmentation' && a.labels.length === b.labels.length) {
    const labels = a.labels.map((label, index) => mergeOverlaps(label, b.labels[index] ?? label))
    return { ...a, ...common, records: a.records + b.records, lossSum: a.lossSum + b.lossSum, labels }
  }
  throw new WardroundError('WR_BODY_INVALID', {
    field: 'statistic',
    problem: `a ${b.kind} statistic does not go with a ${a.kind} one`,
  })
}

const mergeOverlaps = (a: OverlapSums, b: OverlapSums): OverlapSums => ({
  records: a.records + b.records,
  diceSum: a.diceSum + b.diceSum,
  iouSum: a.iouSum + b.iouSum,
})

function mergeCells(a: readonly ScoreCell[], b: readonly ScoreCell[]): ScoreCell[] {
  const merged = new Map(a.map((cell) => [cell.bin, cell]))
  for (const cell of b) {
    const other = merged.get(cell.bin)
    merged.set(
      cell.bin,
      other === undefined
        ? cell
        : {
            bin: cell.bin,
            count: cell.count + other.count,
            scoreSum: cell.scoreSum + other.scoreSum,
            squaredErrorSum: cell.squaredErrorSum + other.squaredErrorSum,
          },
    )
  }
  return sorted(merged)
}
