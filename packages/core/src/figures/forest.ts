/** Estimates as points with their 95 % intervals, a row for each: models side by side, and the paired difference against zero. */
import { estimateIn } from '../metrics/estimates.ts'
import type { Estimate } from '../metrics/schema.ts'
import type { Results } from '../protocol/results.ts'
import type { MetricName } from '../study/metrics.ts'
import { figureWords, type ModelName } from '../words/en/figures.ts'
import { groupsOf } from './groups.ts'
import { type Element, h, type Markup } from './markup.ts'
import { digitsOf, fixedScale, niceScale, niceStep, type Scale } from './scale.ts'
import { drawing, label, line, marker, numberWidth, shorten } from './style.ts'

const width = 384
const plot = { left: 14, right: 228 }
const rowHeight = 14
const groupGap = 28

type Row = { readonly name: string; readonly model: ModelName; readonly estimate: Estimate }
type RowGroup = { readonly name: string; readonly n: number | null; readonly rows: readonly Row[] }

type Compared = Pick<Results, 'overall' | 'sites'>

/** Each model at each hospital and at all together, on one axis; nothing where the metric is known nowhere. */
export function forest(results: Compared, metric: MetricName): Element | undefined {
  const groups = groupsOf(results).map(
    ({ name, models }): RowGroup => ({
      name,
      n: models[0] === undefined ? null : estimateIn(models[0].result, metric).n,
      rows: models.map(({ model, result }) => ({ name, model, estimate: estimateIn(result, metric) })),
    }),
  )
  const [overall, ...sites] = groups
  return draw([...sites, ...(overall === undefined ? [] : [overall])], {
    id: `forest-${metric}`,
    metric,
    title: figureWords.forestTitle(metric),
    heading: figureWords.forestHeading(metric),
    description: figureWords.forestDescription(
      metric,
      groups.flatMap(({ rows }) => rows),
    ),
  })
}

/** Federated minus local only on the same patients. Only an interval that leaves zero out is drawn full. */
export function differenceForest({ sites }: Compared, metric: MetricName): Element | undefined {
  const rows = sites.map(({ name, difference }) => ({
    name,
    model: 'federated' as const,
    estimate: estimateIn(difference, metric),
  }))
  return draw(
    rows.map((row) => ({ name: row.name, n: row.estimate.n, rows: [row] })),
    {
      id: `difference-${metric}`,
      metric,
      title: figureWords.differenceTitle(metric),
      heading: figureWords.differenceHeading(metric),
      description: figureWords.forestDescription(
        metric,
        rows.map(({ name, estimate }) => ({ name, estimate })),
      ),
      sides: [figureWords.localBetter(metric), figureWords.federatedBetter(metric)],
    },
  )
}

type Texts = {
  readonly id: string
  readonly metric: MetricName
  readonly title: string
  readonly heading: string
  readonly description: string
  /** What it means to lie left and right of zero: a difference. */
  readonly sides?: readonly [string, string]
}

function draw(groups: readonly RowGroup[], { heading, sides, metric, ...texts }: Texts): Element | undefined {
  const estimates = groups.flatMap(({ rows }) => rows.map(({ estimate }) => estimate))
  const known = estimates.flatMap(({ value, low, high }) => [value, low, high].filter((part) => part !== null))
  if (known.length === 0) return undefined
  const scale = sides === undefined ? valueScale(known) : differenceScale(known)
  const top = sides === undefined ? 22 : 38
  const heights = groups.map(({ rows }) => groupGap + shownOnce(rows).length * rowHeight)
  const bottom = top + heights.reduce((sum, height) => sum + height, 0) + 6
  const startOf = (index: number): number => top + heights.slice(0, index).reduce((sum, height) => sum + height, 0)
  return drawing({ ...texts, width, height: bottom + 19 }, [
    label(heading, [0, 12], { class: 'wr-heading' }),
    scale.ticks.map((tick) => [
      line([scale.at(tick), top], [scale.at(tick), bottom], { class: 'wr-grid' }),
      label(figureWords.tick(tick, scale.digits), [scale.at(tick), bottom + 14], {
        class: 'wr-muted',
        'text-anchor': 'middle',
      }),
    ]),
    sides === undefined ? [] : zeroLine(scale, { top, bottom, sides }),
    groups.map((group, index) =>
      rowGroup(group, { metric, scale, top: startOf(index), difference: sides !== undefined }),
    ),
  ])
}

/** From many ticks to few: the first whose numbers have room is taken. */
const tickCounts = [8, 6, 5]

const roomy = ({ at, ticks, digits }: Scale): boolean => {
  const widest = Math.max(...ticks.map((tick) => numberWidth(figureWords.tick(tick, digits))))
  return ticks.every((tick, index) => index === 0 || at(tick) - at(ticks[index - 1] ?? tick) >= widest + 6)
}

function valueScale(values: readonly number[]): Scale {
  const range = [plot.left, plot.right] as const
  return tickCounts.map((count) => niceScale(values, range, count)).find(roomy) ?? niceScale(values, range, 3)
}

/** Zero in the middle: to both sides as far, and room for the words of both. Where numbers have little room, only the outermost ticks. */
function differenceScale(values: readonly number[]): Scale {
  const reach = Math.max(...values.map(Math.abs)) * 1.04 || 1
  const steps = tickCounts.map((count) => niceStep(2 * reach, count))
  const every = steps.map((step) => symmetricScale(reach, step, 1))
  const [finest = reach] = steps
  return every.find(roomy) ?? symmetricScale(reach, finest, Math.floor(reach / finest))
}

/** `reach` to each side fills the plot. A tick every so many steps, which are shorter than it. */
function symmetricScale(reach: number, step: number, every: number): Scale {
  const [middle, half] = [(plot.left + plot.right) / 2, (plot.right - plot.left) / 2]
  const count = Math.floor(reach / step / every)
  const digits = digitsOf(step)
  const ticks = Array.from({ length: 2 * count + 1 }, (_, index) =>
    Number(((index - count) * every * step).toFixed(digits)),
  )
  const tickReach = (half * count * every * step) / reach
  return fixedScale(ticks, [middle - tickReach, middle + tickReach], digits)
}

type Zero = { readonly top: number; readonly bottom: number; readonly sides: readonly [string, string] }

function zeroLine(scale: Scale, { top, bottom, sides: [left, right] }: Zero): Markup {
  const zero = scale.at(0)
  return [
    line([zero, top - 10], [zero, bottom], { class: 'wr-context', 'stroke-width': 1.2 }),
    label(`← ${left}`, [zero - 6, top - 4], { class: 'wr-muted wr-small', 'text-anchor': 'end' }),
    label(`${right} →`, [zero + 6, top - 4], { class: 'wr-muted wr-small' }),
  ]
}

type Place = {
  readonly metric: MetricName
  readonly scale: Scale
  readonly top: number
  readonly difference: boolean
}

const rowGroup = ({ name, n, rows }: RowGroup, { top, ...place }: Place): Markup => [
  h('text', { x: 0, y: top + 16, class: 'wr-over', 'font-weight': 600 }, shorten(name, 34)),
  label(figureWords.n(n), [width, top + 16], { class: 'wr-muted', 'text-anchor': 'end' }),
  shownOnce(rows).map((row, index) => interval(row, { ...place, top: top + groupGap + index * rowHeight })),
]

/** What is hidden of every model is said once. */
const shownOnce = (rows: readonly Row[]): readonly Row[] =>
  rows.every(({ estimate }) => estimate.value === null) ? rows.slice(0, 1) : rows

/** Whether an interval leaves zero out. */
const decided = ({ low, high }: Estimate): boolean => low !== null && high !== null && (low > 0 || high < 0)

function interval({ model, estimate }: Row, { metric, scale, top, difference }: Place): Markup {
  const { value, low, high, n } = estimate
  if (value === null) {
    return label(n === null ? figureWords.hidden() : figureWords.oneClass(), [plot.left, top + 4], {
      class: 'wr-muted wr-over',
    })
  }
  const stroke = { class: `wr-stroke-${model}`, 'stroke-width': 1.5 }
  return [
    low === null || high === null
      ? []
      : [
          line([scale.at(low), top], [scale.at(high), top], stroke),
          [low, high].map((end) => line([scale.at(end), top - 3], [scale.at(end), top + 3], stroke)),
        ],
    difference && !decided(estimate)
      ? h('circle', {
          cx: scale.at(value),
          cy: top,
          r: 3.4,
          class: 'wr-fill-paper wr-stroke-federated',
          'stroke-width': 1.5,
        })
      : marker(model, [scale.at(value), top]),
    label(figureWords.estimateShort(metric, estimate, difference ? 3 : 2), [width, top + 4], {
      class: 'wr-muted',
      'text-anchor': 'end',
    }),
  ]
}
