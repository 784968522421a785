/** What the lines, points and cells of the figures mean: drawn by the same functions that draw the figures. */
import type { RoundSite } from '../protocol/events.ts'
import { figureWords, type ModelName } from '../words/en/figures.ts'
import { glyph } from './contributions.ts'
import { type Element, h, type Markup } from './markup.ts'
import { line, marker, modelLine } from './style.ts'

export type Key = 'lines' | 'points'

/** A swatch that says nothing to a screen reader: the word beside it says it. */
const swatch = (width: number, children: Markup): Element =>
  h('svg', { class: 'wr-figure wr-swatch', viewBox: `0 0 ${width} 14`, 'aria-hidden': 'true' }, children)

const entry = (sample: Element, text: string): Element => h('li', {}, [sample, ' ', text])

export const modelLegend = (models: readonly ModelName[], key: Key): Element =>
  h(
    'ul',
    { class: 'wr-legend' },
    models.map((model) =>
      entry(
        swatch(
          28,
          key === 'lines'
            ? modelLine(model, [
                [1, 7],
                [27, 7],
              ])
            : [line([3, 7], [25, 7], { class: `wr-stroke-${model}`, 'stroke-width': 1.5 }), marker(model, [14, 7])],
        ),
        figureWords.model(model),
      ),
    ),
  )

export const stateLegend = (states: readonly RoundSite['state'][]): Element =>
  h(
    'ul',
    { class: 'wr-legend' },
    states.map((state) =>
      entry(swatch(28, glyph(state, { x: 7, y: 1, width: 14, height: 12 })), figureWords.state(state)),
    ),
  )
