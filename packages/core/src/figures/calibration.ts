/** Reliability: of the patients given a probability of about p, the share that had the outcome, with its interval and how many they were. */
import type { BinaryStatistic } from '../metrics/schema.ts'
import { type CalibrationPoint, calibrationPoints } from '../metrics/summary.ts'
import type { Results } from '../protocol/results.ts'
import { figureWords } from '../words/en/figures.ts'
import { groupsOf } from './groups.ts'
import type { Element } from './markup.ts'
import { horizontal, notice, type Plot, panel, panelWidth, squarePlot, vertical } from './panel.ts'
import { fixedScale, spread } from './scale.ts'
import { label, line, marker, numberWidth } from './style.ts'
import { wilson } from './wilson.ts'

const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
const plot: Plot = { ...squarePlot, bottom: squarePlot.bottom - 14 }
const x = fixedScale(ticks, horizontal(plot), 1)
const y = fixedScale(ticks, vertical(plot), 1)

/** Few patients fill few bins: fifths at a hospital, tenths for all together. */
const [siteBins, overallBins] = [5, 10]

/**
 * The federated model's panels: all together, then each hospital. Bins of fewer than `minimum` records are joined with their
 * neighbours. None where no prediction is a probability of one outcome.
 */
export function calibrationPanels(results: Pick<Results, 'overall' | 'sites'>, minimum: number): readonly Element[] {
  const groups = groupsOf(results).map(({ name, models }, index) => {
    const result = models.find(({ model }) => model === 'federated')?.result
    const statistic = result?.statistic
    const points =
      statistic?.kind === 'binary'
        ? reliability(statistic, { bins: index === 0 ? overallBins : siteBins, minimum })
        : undefined
    return { name, n: result?.brier.n ?? null, points }
  })
  return groups.some(({ points }) => points !== undefined) ? groups.map(calibrationPanel) : []
}

export type ReliabilityPoint = {
  readonly predicted: number
  readonly observed: number
  readonly low: number
  readonly high: number
  readonly n: number
}

type Binning = { readonly bins: number; readonly minimum: number }

export const reliability = (
  statistic: Pick<BinaryStatistic, 'negative' | 'positive'>,
  { bins, minimum }: Binning,
): readonly ReliabilityPoint[] =>
  joinSmall(calibrationPoints(statistic, bins), minimum).map((point) => ({
    ...point,
    ...wilson(Math.round(point.observed * point.n), point.n),
  }))

/** Neighbours joined until each holds at least `minimum` records: of fewer nothing is said. Too few in all: no point. */
export function joinSmall(points: readonly CalibrationPoint[], minimum: number): readonly CalibrationPoint[] {
  const joined: CalibrationPoint[] = []
  for (const point of points) {
    const before = joined.at(-1)
    if (before === undefined || before.n >= minimum) joined.push(point)
    else joined.splice(-1, 1, join(before, point))
  }
  const [previous, last] = [joined.at(-2), joined.at(-1)]
  if (last === undefined || last.n >= minimum) return joined
  return previous === undefined ? [] : [...joined.slice(0, -2), join(previous, last)]
}

function join(a: CalibrationPoint, b: CalibrationPoint): CalibrationPoint {
  const n = a.n + b.n
  const mean = (left: number, right: number): number => (left * a.n + right * b.n) / n
  return { predicted: mean(a.predicted, b.predicted), observed: mean(a.observed, b.observed), n }
}

type Data = {
  readonly name: string
  readonly n: number | null
  readonly points: readonly ReliabilityPoint[] | undefined
}

function calibrationPanel({ name, n, points = [] }: Data, index: number): Element {
  const rows = counts(points)
  return panel(
    {
      id: `calibration-${index}`,
      title: figureWords.calibrationTitle(name),
      description: points.length === 0 ? figureWords.hidden() : figureWords.calibrationDescription(points),
      heading: name,
      n: figureWords.n(n),
      plot,
      strip: stripHeight * rows.length,
      x: { scale: x, label: figureWords.predicted() },
      y: { scale: y, label: figureWords.observed() },
    },
    [
      line([x.at(0), y.at(0)], [x.at(1), y.at(1)], { class: 'wr-context', 'stroke-dasharray': '2 3' }),
      points.length === 0
        ? notice(plot, figureWords.hidden())
        : label(figureWords.records(), [plot.left - 8, plot.bottom + 13], {
            class: 'wr-muted wr-small',
            'text-anchor': 'end',
          }),
      points.map(pointMarks),
      rows.flat(),
    ],
  )
}

const pointMarks = ({ predicted, observed, low, high }: ReliabilityPoint): readonly Element[] => [
  line([x.at(predicted), y.at(low)], [x.at(predicted), y.at(high)], {
    class: 'wr-stroke-federated',
    'stroke-width': 1.4,
  }),
  marker('federated', [x.at(predicted), y.at(observed)]),
]

const stripHeight = 13

/** How many records each point is about, under it; moved apart where they would touch, and in two rows by turns where one has no room. */
function counts(points: readonly ReliabilityPoint[]): readonly (readonly Element[])[] {
  const width = Math.max(0, ...points.map(({ n }) => numberWidth(String(n), 'small')))
  const gap = width + 4
  const rows = gap * (points.length - 1) > plot.right - plot.left ? 2 : 1
  return Array.from({ length: rows }, (_, row) => {
    const shown = points.filter((_, index) => index % rows === row)
    const places = spread(
      shown.map(({ predicted }) => x.at(predicted)),
      gap,
      Math.min(plot.right, panelWidth - width / 2),
    )
    return shown.map(({ n }, index) =>
      label(String(n), [places[index] ?? 0, plot.bottom + stripHeight * (row + 1)], {
        class: 'wr-small',
        'text-anchor': 'middle',
      }),
    )
  })
}
