/** A picture of a model: what it does with an example, from top to bottom. */
import type { Box, Diagram } from '../graph/inspect/diagram.ts'
import { modelWords } from '../words/en/model.ts'
import { layoutOf, type Size } from './layers.ts'
import { decimal, type Element, h, type Markup } from './markup.ts'
import { drawing, figureCss, label, type Point, shorten } from './style.ts'

const [margin, line, padding] = [16, 14, 9]
/** About how wide a letter is, in drawing units. */
const [letter, bold] = [6.1, 7.4]
const longest = 46

/** As a file of its own, with its colours in it, light and dark. */
export function diagramFigure(name: string, diagram: Diagram): Element {
  const boxes = [{ lines: modelWords.exampleBox(diagram.input), title: '' }, ...diagram.boxes.map(textOf)]
  const edges = diagram.edges.map(([from, to]) => [from + 1, to + 1] as const)
  const sizes = boxes.map(({ lines }) => sizeOf(lines))
  const { width, height, places, paths } = layoutOf(sizes, edges)
  const moved = ([x, y]: Point): Point => [x + margin, y + margin]
  const size = { width: Math.ceil(width + 2 * margin), height: Math.ceil(height + 2 * margin) }
  return drawing(
    { id: 'model', title: modelWords.pictureTitle(name), description: modelWords.pictureDescription(diagram), ...size },
    [
      h('style', {}, `${figureCss}${ownCss(size)}`),
      h('rect', { width: size.width, height: size.height, class: 'wr-fill-paper' }),
      arrowHead,
      paths.map((points) =>
        h('path', { d: curve(points.map(moved)), class: 'wr-edge', fill: 'none', 'marker-end': 'url(#model-arrow)' }),
      ),
      boxes.map(({ lines, title }, index) =>
        boxMarks(lines, {
          at: moved(places[index] ?? [0, 0]),
          size: sizes[index] ?? { width: 0, height: 0 },
          title,
          kind: index === 0 ? 'wr-example' : (diagram.boxes[index - 1]?.parameters ?? 0) > 0 ? 'wr-learnt' : 'wr-plain',
        }),
      ),
    ],
  )
}

const ownCss = ({ width }: Size): string => `
.wr-figure { width: ${width}px; max-width: 100%; font-family: system-ui, sans-serif; }
.wr-edge { stroke: var(--wr-context); stroke-width: 1.2; }
.wr-arrow { fill: var(--wr-context); }
.wr-learnt { fill: var(--wr-band); stroke: var(--wr-federated); }
.wr-plain { fill: var(--wr-shade); stroke: var(--wr-rule); }
.wr-example { fill: var(--wr-paper); stroke: var(--wr-context); stroke-dasharray: 3 2; }
`

const arrowHead = h('defs', {}, [
  h(
    'marker',
    { id: 'model-arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' },
    h('path', { d: 'M0,0.8 L7.5,4 L0,7.2 Z', class: 'wr-arrow' }),
  ),
])

type Text = { readonly lines: readonly string[]; readonly title: string }

const textOf = (box: Box): Text => ({
  lines: modelWords.boxLines(box).map((text) => shorten(text, longest)),
  title: modelWords.boxTitle(box),
})

const sizeOf = (lines: readonly string[]): Size => ({
  width: Math.max(80, ...lines.map((text, index) => text.length * (index === 0 ? bold : letter))) + 2 * padding,
  height: lines.length * line + padding,
})

type Marks = { readonly at: Point; readonly size: Size; readonly title: string; readonly kind: string }

const boxMarks = (lines: readonly string[], { at: [x, y], size, title, kind }: Marks): Markup =>
  h('g', {}, [
    ...(title === '' ? [] : [h('title', {}, title)]),
    h('rect', { x: x - size.width / 2, y, ...size, rx: 4, class: kind }),
    lines.map((text, index) =>
      label(text, [x, y + padding / 2 + line * (index + 1) - 3], {
        'text-anchor': 'middle',
        class: index === 0 ? 'wr-heading' : 'wr-muted',
      }),
    ),
  ])

/** Through the points in their order, straight where they stand above each other, and else leaving and arriving upright. */
function curve(points: readonly Point[]): string {
  const [[startX, startY] = [0, 0], ...others] = points
  let [x, y] = [startX, startY]
  const parts = others.map(([toX, toY]) => {
    const bend = (y + toY) / 2
    const part =
      Math.abs(toX - x) < 0.5
        ? `L${text(toX)},${text(toY)}`
        : `C${text(x)},${text(bend)} ${text(toX)},${text(bend)} ${text(toX)},${text(toY)}`
    ;[x, y] = [toX, toY]
    return part
  })
  return `M${text(startX)},${text(startY)} ${parts.join(' ')}`
}
const text = decimal
