/** Rows of the comparison: medians over runs, the faster setting of threads, ratios, and the table that a person reads. */
import { aligned, median } from '../figures.ts'
import { peersWords } from './words.ts'

export type Figures = {
  readonly seconds: number
  readonly secondsPerRound: number | null
  readonly peakMb: number
  readonly peakRssMb: number
  readonly bytes: number
  readonly accuracy: number
}

/** A system that gave no figures has nulls, and `problem` says why. */
export type Row = { readonly system: string; readonly mode: string } & (
  | (Figures & { readonly threads: string; readonly runs: number })
  | ({ readonly [Name in keyof Figures]: null } & { readonly problem: string })
)

export type Run = { readonly system: string; readonly mode: string; readonly threads: string } & (
  | { readonly figures: Figures }
  | { readonly problem: string }
)

/** Seconds between the ends of two rounds, at the median; null of fewer than two rounds. `ends` in seconds. */
export const secondsPerRound = (ends: readonly number[]): number | null =>
  median(ends.slice(1).map((end, index) => end - (ends[index] ?? end)))

/** One row for each system and mode, in order of their first run. */
export function rowsOf(runs: readonly Run[]): Row[] {
  const groups = Map.groupBy(runs, ({ system, mode }) => `${system}\n${mode}`)
  return [...groups.values()].map(rowOf)
}

function rowOf(runs: readonly Run[]): Row {
  const { system = '', mode = '' } = runs[0] ?? {}
  const settings = [...Map.groupBy(runs, ({ threads }) => threads)].flatMap(([threads, same]) => {
    const figures = same.flatMap((run) => ('figures' in run ? [run.figures] : []))
    const medians = medianFigures(figures)
    return medians === null ? [] : [{ ...medians, threads, runs: figures.length }]
  })
  const [best] = settings.toSorted((a, b) => a.seconds - b.seconds)
  if (best !== undefined) return { system, mode, ...best }
  const problem = runs.flatMap((run) => ('problem' in run ? [run.problem] : [])).at(0) ?? ''
  const none = { seconds: null, secondsPerRound: null, peakMb: null, peakRssMb: null, bytes: null, accuracy: null }
  return { system, mode, ...none, problem }
}

function medianFigures(figures: readonly Figures[]): Figures | null {
  const of = (name: keyof Figures): number | null =>
    median(figures.flatMap((one) => (one[name] === null ? [] : [one[name]])))
  const [seconds, peakMb, peakRssMb, bytes, accuracy] = [
    of('seconds'),
    of('peakMb'),
    of('peakRssMb'),
    of('bytes'),
    of('accuracy'),
  ]
  if (seconds === null || peakMb === null || peakRssMb === null || bytes === null || accuracy === null) return null
  return { seconds, secondsPerRound: of('secondsPerRound'), peakMb, peakRssMb, bytes, accuracy }
}

/** The table as lines. Ratios are to the first row. */
export function tableOf(rows: readonly Row[], { rounds, runs }: { rounds: number; runs: number }): string[] {
  const [ours] = rows
  const cells = [peersWords.columns(), ...rows.map((row) => cellsOf(row, ours))]
  const problems = rows.flatMap((row) => ('problem' in row ? [`${row.system}, ${row.mode}: ${row.problem}`] : []))
  return [peersWords.heading(rounds, runs), '', ...aligned(cells, 2), '', ...problems, ...peersWords.notes()]
}

function cellsOf(row: Row, ours: Row | undefined): string[] {
  const figure = (value: number | null, digits: number, unit = 1): string =>
    value === null ? peersWords.noFigure() : (value / unit).toFixed(digits)
  const ratio = (mine: number | null, base: number | null | undefined): string =>
    mine === null || base === null || base === undefined ? peersWords.noFigure() : peersWords.times(mine / base)
  return [
    row.system,
    row.mode,
    figure(row.seconds, 1),
    figure(row.secondsPerRound, 3),
    figure(row.peakMb, 0),
    figure(row.bytes, 1, 1e6),
    figure(row.accuracy, 4),
    ratio(row.seconds, ours?.seconds),
    ratio(row.peakMb, ours?.peakMb),
  ]
}
