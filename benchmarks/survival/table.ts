/** The tables for people. */
import { regions } from '../../examples/breast-cancer-survival/patients.ts'
import { aligned } from '../figures.ts'
import type { SurvivalReport } from './survival.ts'
import { survivalBenchWords as words } from './words.ts'

export function survivalTable({ rows, tried, published, largestDifference }: SurvivalReport): string {
  const lines = rows.map(({ model, meanOfRegions, allRegions, acrossRegions, perRegion }) => [
    model,
    ...[meanOfRegions, allRegions, acrossRegions, ...regions.map((region) => perRegion[region] ?? Number.NaN)].map(
      words.figure,
    ),
  ])
  const penalised = tried.map(({ penalizer, concordance }) => [String(penalizer), words.figure(concordance)])
  const theirs = published.map(({ strategy, mean, sd }) => [strategy, words.figure(mean), words.figure(sd)])
  return [
    ...aligned([words.columns(regions), ...lines], 1),
    ...['', words.differs(largestDifference), '', words.triedHeading()],
    ...aligned([words.triedColumns(), ...penalised], 1),
    ...['', words.publishedHeading()],
    ...aligned([words.publishedColumns(), ...theirs], 1),
  ].join('\n')
}
