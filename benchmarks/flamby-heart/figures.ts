/** Figures over centres and seeds. */
import type { PerCentre } from './federation.ts'

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** With n − 1, as FLamby's table; 0 of one value. */
export function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values)
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0
}

export type OverSeeds = {
  /** The mean over the seeds of the mean over the centres, and its deviation over the seeds. */
  readonly meanOverCentres: number
  readonly sd: number
  readonly perCentre: PerCentre
}

export function overSeeds(runs: readonly PerCentre[]): OverSeeds {
  const means = runs.map((run) => meanOf(Object.values(run)))
  const perCentre = Object.fromEntries(
    Object.keys(runs[0] ?? {}).map((site) => [site, meanOf(runs.map((run) => run[site] ?? Number.NaN))]),
  )
  return { meanOverCentres: meanOf(means), sd: deviationOf(means), perCentre }
}
