/** The stop metric round by round: one panel for all together, one for each hospital, on the same axes. Measured points only; nothing smoothed. */
import type { Estimate } from '../metrics/schema.ts'
import type { Results, RoundResult } from '../protocol/results.ts'
import { figureWords } from '../words/en/figures.ts'
import { type Element, h } from './markup.ts'
import { horizontal, inside, notice, panel, vertical, widePlot } from './panel.ts'
import { niceScale, roundScale, type Scale } from './scale.ts'
import { label, line, numberWidth, type Point, polyline } from './style.ts'

type Shown = Pick<Results, 'rounds' | 'bestRound' | 'metric' | 'expected'>
type Measured = { readonly round: number; readonly estimate: Estimate }
type Series = { readonly name: string; readonly measured: readonly Measured[] }
type Axes = { readonly x: Scale; readonly y: Scale }

export function convergencePanels(results: Shown): readonly Element[] {
  const series = seriesOf(results)
  const values = series.flatMap(({ measured }) => measured.map(({ estimate }) => estimate))
  const axes: Axes = {
    x: roundScale(Math.max(1, ...results.rounds.map(({ round }) => round)), horizontal(widePlot)),
    y: niceScale(
      values.flatMap(({ value, low, high }) => [value, low, high].filter((known) => known !== null)),
      vertical(widePlot),
    ),
  }
  const overall = series[0]?.measured ?? []
  return series.map(({ name, measured }, index) =>
    convergencePanel(results, {
      id: `convergence-${index}`,
      name,
      measured,
      axes,
      context: index === 0 ? [] : overall,
    }),
  )
}

const seriesOf = ({ rounds, expected }: Shown): readonly Series[] => [
  { name: figureWords.overall(), measured: rounds.map(({ round, overall }) => ({ round, estimate: overall })) },
  ...expected.map((site) => ({
    name: site,
    measured: rounds.map((round) => ({ round: round.round, estimate: estimateAt(round, site) })),
  })),
]

function estimateAt({ sites }: RoundResult, site: string): Estimate {
  const part = sites.find((candidate) => candidate.site === site)
  return { value: part?.value ?? null, low: null, high: null, n: part?.n ?? null }
}

type PanelData = Series & { readonly id: string; readonly axes: Axes; readonly context: readonly Measured[] }

function convergencePanel({ bestRound, metric }: Shown, { id, name, measured, axes, context }: PanelData): Element {
  const { x, y } = axes
  const known = measured.filter(({ estimate }) => estimate.value !== null)
  const [first, last] = [known[0]?.estimate, known.at(-1)?.estimate]
  return panel(
    {
      id,
      title: figureWords.convergenceTitle(name, metric),
      description:
        first?.value == null || last?.value == null
          ? figureWords.noRounds()
          : figureWords.convergenceDescription({ first: first.value, last: last.value, rounds: known.length }),
      heading: name,
      n: figureWords.n((last ?? measured.at(-1)?.estimate)?.n ?? null),
      plot: widePlot,
      x: { scale: x, label: figureWords.round() },
      y: { scale: y, label: figureWords.metric(metric) },
    },
    known.length === 0
      ? notice(widePlot, figureWords.hidden())
      : [
          measured.some(({ round }) => round === bestRound) ? upright(bestRound, x) : [],
          band(measured, axes),
          runs(context, axes).map((points) => polyline(points, { class: 'wr-context', 'stroke-width': 1 })),
          runs(measured, axes).map((points) => [
            polyline(points, { class: 'wr-stroke-federated', 'stroke-width': 1.8, 'data-series': name }),
            known.length > dotLimit && points.length > 1 ? [] : points.map(dot),
          ]),
        ],
  )
}

/** Marks the round whose model was used. */
function upright(round: number, x: Scale): readonly Element[] {
  const [place, text] = [x.at(round), String(round)]
  return [
    line([place, widePlot.top - 2], [place, widePlot.bottom], { class: 'wr-context', 'stroke-dasharray': '2 2' }),
    label(text, [inside(place, numberWidth(text, 'small')), widePlot.top - 4], {
      class: 'wr-muted wr-small',
      'text-anchor': 'middle',
    }),
  ]
}

/** More dots than this run into one thick line; then only a round that stands alone, and has no line, is a dot. */
const dotLimit = 50

const dot = ([cx, cy]: Point): Element => h('circle', { cx, cy, r: 1.6, class: 'wr-fill-federated' })

/** Stretches of rounds with a value: where there is none the line breaks, it does not guess. */
export function runs(measured: readonly Measured[], { x, y }: Axes): Point[][] {
  const lines: Point[][] = []
  let before: number | undefined
  for (const { round, estimate } of measured) {
    if (estimate.value === null) continue
    const point: Point = [x.at(round), y.at(estimate.value)]
    const run = lines.at(-1)
    if (run !== undefined && before === round - 1) run.push(point)
    else lines.push([point])
    before = round
  }
  return lines
}

/** The 95 % interval, where there is one. */
function band(measured: readonly Measured[], { x, y }: Axes): Element[] {
  const edges = measured.flatMap(({ round, estimate: { low, high } }) =>
    low === null || high === null ? [] : [{ round, low, high }],
  )
  if (edges.length < 2) return []
  const corners = [
    ...edges.map(({ round, high }) => `${x.at(round).toFixed(2)},${y.at(high).toFixed(2)}`),
    ...edges.toReversed().map(({ round, low }) => `${x.at(round).toFixed(2)},${y.at(low).toFixed(2)}`),
  ]
  return [h('polygon', { points: corners.join(' '), class: 'wr-band' })]
}
