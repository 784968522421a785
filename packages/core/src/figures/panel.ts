/** One of several small charts that share their axes: a heading, two axes with few ticks, and room for what is drawn. */
import { figureWords } from '../words/en/figures.ts'
import type { Element, Markup } from './markup.ts'
import type { Scale } from './scale.ts'
import { drawing, label, line, numberWidth, shorten } from './style.ts'

/** Where the data are drawn, in drawing units; y grows downwards. */
export type Plot = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number }

export const panelWidth = 240
/** Its upper edge leaves a line for a label above the plot. */
export const widePlot: Plot = { left: 38, right: 230, top: 44, bottom: 156 }
export const squarePlot: Plot = { left: 38, right: 230, top: 37, bottom: 229 }

export const horizontal = ({ left, right }: Plot): readonly [number, number] => [left, right]
export const vertical = ({ top, bottom }: Plot): readonly [number, number] => [bottom, top]

type Axis = { readonly scale: Scale; readonly label: string }

export type Panel = {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly heading: string
  /** Patients or records, or why there is nothing to see. */
  readonly n: string
  readonly plot: Plot
  readonly x: Axis
  readonly y: Axis
  /** Drawing units between the plot and the labels of the x axis, for what stands under the plot. */
  readonly strip?: number
}

export function panel({ plot, x, y, strip = 0, ...texts }: Panel, children: Markup): Element {
  const { left, right, bottom } = plot
  const below = bottom + strip
  const height = below + 32
  return drawing({ ...texts, width: panelWidth, height }, [
    label(shorten(texts.heading, 20), [0, 12], { class: 'wr-heading' }),
    label(texts.n, [right, 12], { class: 'wr-muted', 'text-anchor': 'end' }),
    label(y.label, [0, 26], { class: 'wr-muted' }),
    y.scale.ticks.map((tick) => [
      line([left, y.scale.at(tick)], [right, y.scale.at(tick)], { class: 'wr-grid' }),
      label(figureWords.tick(tick, y.scale.digits), [left - 5, y.scale.at(tick) + 3.5], {
        class: 'wr-muted',
        'text-anchor': 'end',
      }),
    ]),
    x.scale.ticks.map((tick) => {
      const text = figureWords.tick(tick, x.scale.digits)
      return [
        line([x.scale.at(tick), bottom], [x.scale.at(tick), bottom + 3], { class: 'wr-rule' }),
        label(text, [inside(x.scale.at(tick), numberWidth(text)), below + 14], {
          class: 'wr-muted',
          'text-anchor': 'middle',
        }),
      ]
    }),
    line([left, bottom], [right, bottom], { class: 'wr-rule' }),
    label(x.label, [(left + right) / 2, below + 28], { class: 'wr-muted', 'text-anchor': 'middle' }),
    children,
  ])
}

/** The middle of a label that is to stand at `place` and no further to the right than the panel reaches. */
export const inside = (place: number, width: number): number => Math.min(place, panelWidth - width / 2)

/** In the middle of a plot that has nothing to show. */
export const notice = ({ left, right, top, bottom }: Plot, text: string): Element =>
  label(text, [(left + right) / 2, (top + bottom) / 2], { class: 'wr-muted wr-over', 'text-anchor': 'middle' })
