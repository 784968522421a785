/**
 * Colours and lines of figures, as CSS variables, so that page and console set light and dark once. Hues of Okabe and Ito (2008, "Color
 * Universal Design"); no meaning rests on hue alone: lines differ in dashes, points in shape, and all of it survives a black-and-white printer.
 */
import type { ModelName } from '../words/en/figures.ts'
import { type Element, h, type Markup } from './markup.ts'

export const figureCss = `
:root {
  color-scheme: light dark;
  --wr-paper: #ffffff; --wr-ink: #16212c; --wr-muted: #566370; --wr-rule: #c3cbd3; --wr-grid: #e6eaee; --wr-shade: #f4f6f8;
  --wr-federated: #0068a5; --wr-local: #b84e00; --wr-centralised: #4d5963; --wr-context: #7d8994; --wr-band: #0068a526;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --wr-paper: #12181f; --wr-ink: #e7ecf1; --wr-muted: #a3b0bc; --wr-rule: #455361; --wr-grid: #28323c; --wr-shade: #1a222b;
    --wr-federated: #5ab8f0; --wr-local: #f0a04b; --wr-centralised: #b9c4ce; --wr-context: #75828f; --wr-band: #5ab8f033;
  }
}
.wr-figure { display: block; width: 100%; height: auto; font-family: inherit; overflow: visible; }
.wr-figure text { fill: var(--wr-ink); font-size: 11px; font-variant-numeric: tabular-nums; }
.wr-figure .wr-heading { font-size: 12.5px; font-weight: 600; }
.wr-figure .wr-muted { fill: var(--wr-muted); }
.wr-figure .wr-small { font-size: 10px; }
.wr-figure .wr-over { paint-order: stroke; stroke: var(--wr-paper); stroke-width: 3px; stroke-linejoin: round; }
.wr-figure .wr-grid { stroke: var(--wr-grid); stroke-width: 1; }
.wr-figure .wr-rule { stroke: var(--wr-rule); stroke-width: 1; }
.wr-figure .wr-context { stroke: var(--wr-context); }
.wr-figure .wr-band { fill: var(--wr-band); }
.wr-figure .wr-stroke-federated { stroke: var(--wr-federated); }
.wr-figure .wr-stroke-local { stroke: var(--wr-local); }
.wr-figure .wr-stroke-centralised { stroke: var(--wr-centralised); }
.wr-figure .wr-fill-federated { fill: var(--wr-federated); }
.wr-figure .wr-fill-local { fill: var(--wr-local); }
.wr-figure .wr-fill-centralised { fill: var(--wr-centralised); }
.wr-figure .wr-fill-paper { fill: var(--wr-paper); }
.wr-figure .wr-fill-shade { fill: var(--wr-shade); }
`

/** Alone dashed, federated solid, centralised dotted. */
const dashes: Readonly<Record<ModelName, string | undefined>> = {
  federated: undefined,
  local: '5 3',
  centralised: '1 3',
}

export type Point = readonly [x: number, y: number]

const pointsText = (points: readonly Point[]): string =>
  points.map(([x, y]) => `${Math.round(x * 100) / 100},${Math.round(y * 100) / 100}`).join(' ')

export const polyline = (points: readonly Point[], attributes: Readonly<Record<string, string | number>>): Element =>
  h('polyline', { points: pointsText(points), fill: 'none', 'stroke-linejoin': 'round', ...attributes })

export const modelLine = (model: ModelName, points: readonly Point[]): Element =>
  h('polyline', {
    points: pointsText(points),
    fill: 'none',
    class: `wr-stroke-${model}`,
    'stroke-width': model === 'federated' ? 1.8 : 1.5,
    'stroke-dasharray': dashes[model],
    'stroke-linejoin': 'round',
    'stroke-linecap': model === 'centralised' ? 'round' : undefined,
  })

/** Federated a full disc, local a hollow diamond, centralised a triangle. */
export function marker(model: ModelName, [x, y]: Point): Element {
  const stroke = { class: `wr-fill-paper wr-stroke-${model}`, 'stroke-width': 1.5 }
  switch (model) {
    case 'federated':
      return h('circle', { cx: x, cy: y, r: 3.4, class: 'wr-fill-federated' })
    case 'local':
      return h('polygon', {
        points: pointsText([
          [x, y - 4],
          [x + 4, y],
          [x, y + 4],
          [x - 4, y],
        ]),
        ...stroke,
      })
    case 'centralised':
      return h('polygon', {
        points: pointsText([
          [x, y - 3.8],
          [x + 3.8, y + 2.8],
          [x - 3.8, y + 2.8],
        ]),
        ...stroke,
      })
  }
}

export const line = (from: Point, to: Point, attributes: Readonly<Record<string, string | number>>): Element =>
  h('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], ...attributes })

export const label = (
  text: string,
  [x, y]: Point,
  attributes: Readonly<Record<string, string | number>> = {},
): Element => h('text', { x, y, ...attributes }, text)

/**
 * Names can be 63 characters long; a panel has room for fewer. Their ends are kept, for names that begin alike are told apart there. The
 * full name stands in the title.
 */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  const tail = Math.floor((length - 1) / 3)
  return `${text.slice(0, length - 1 - tail)}…${text.slice(-tail)}`
}

/** The size of the letters and of the small ones, as figureCss sets them. */
const [letter, smallLetter] = [11, 10]

/** Drawing units that a number takes at most: its digits are as wide as each other, about two thirds of a letter's size. */
export const numberWidth = (text: string, size: 'letter' | 'small' = 'letter'): number =>
  text.length * 0.64 * (size === 'small' ? smallLetter : letter)

export type Drawing = {
  /** Unique in the page. */
  readonly id: string
  readonly title: string
  readonly description: string
  readonly width: number
  readonly height: number
}

/** A drawing with its own name and description (WAI-ARIA Graphics, role img): one thing to a screen reader, all of it said. */
export const drawing = ({ id, title, description, width, height }: Drawing, children: Markup): Element =>
  h(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      class: 'wr-figure',
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-description`,
    },
    [h('title', { id: `${id}-title` }, title), h('desc', { id: `${id}-description` }, description), children],
  )
