/** Who contributed to which round, as a matrix: hospitals down, rounds across. Each state has a shape, not only a shade. */
import type { RoundSite } from '../protocol/events.ts'
import type { Results } from '../protocol/results.ts'
import { figureWords } from '../words/en/figures.ts'
import { type Element, h, type Markup } from './markup.ts'
import { roundScale } from './scale.ts'
import { drawing, label, line, numberWidth, shorten } from './style.ts'

type State = RoundSite['state']
export type Cell = { readonly from: number; readonly to: number; readonly state: State }
export type ContributionRow = {
  readonly name: string
  readonly contributed: number
  /** Rounds that the hospital was to take part in. */
  readonly rounds: number
  readonly cells: readonly Cell[]
}

/** More columns than this cannot be told apart; several rounds then share one. */
const columnLimit = 80
/** Names, and how many rounds each contributed to, before the cells: a narrow screen that scrolls them shows those first. */
const [share, left] = [190, 198]
const rowHeight = 20

/** From least to most worth seeing: where rounds share a column, the last of these that occurred is shown. */
const severity: readonly State[] = ['contributed', 'working', 'late', 'failed', 'refused']

/** What the matrix shows. A round that a hospital was not yet, or no longer, in has no cell. */
export function contributionRows({
  rounds,
  expected,
}: Pick<Results, 'rounds' | 'expected'>): readonly ContributionRow[] {
  const perColumn = roundsPerColumn(rounds.length)
  return expected.map((name) => {
    const parts = rounds.flatMap(({ round, sites }) => {
      const part = sites.find(({ site }) => site === name)
      return part === undefined ? [] : [{ round, state: part.state }]
    })
    const columns = Map.groupBy(parts, ({ round }) => Math.floor((round - 1) / perColumn))
    return {
      name,
      contributed: parts.filter(({ state }) => state === 'contributed').length,
      rounds: parts.length,
      cells: [...columns.values()].map(joined),
    }
  })
}

export const roundsPerColumn = (rounds: number): number => Math.max(1, Math.ceil(rounds / columnLimit))

const joined = (parts: readonly { readonly round: number; readonly state: State }[]): Cell => ({
  from: Math.min(...parts.map(({ round }) => round)),
  to: Math.max(...parts.map(({ round }) => round)),
  state: severity[Math.max(...parts.map(({ state }) => severity.indexOf(state)))] ?? 'failed',
})

/** Drawn at its natural size: `width` is that of the viewBox, in CSS pixels. */
export function contributionsMatrix(results: Pick<Results, 'rounds' | 'expected'>): {
  readonly figure: Element
  readonly width: number
} {
  const rows = contributionRows(results)
  const last = Math.max(1, ...results.rounds.map(({ round }) => round))
  const perColumn = roundsPerColumn(last)
  const columns = Math.ceil(last / perColumn)
  const pitch = Math.min(17, Math.max(7, 600 / columns))
  const width = left + Math.max(columns * pitch, 36) + 4
  const bottom = 8 + rows.length * rowHeight
  const cellAt = (round: number): number => left + Math.floor((round - 1) / perColumn) * pitch
  const ticks = roundScale(last, [0, 1]).ticks
  const figure = drawing(
    {
      id: 'contributions',
      title: figureWords.contributionsTitle(),
      description: figureWords.contributionsDescription(rows),
      width,
      height: bottom + 32,
    },
    [
      rows.map(({ name, cells, contributed, rounds }, index) => {
        const top = 8 + index * rowHeight
        return [
          label(shorten(name, 18), [0, top + 12], {}),
          cells.map((cell) =>
            h('g', { 'data-state': cell.state }, [
              h('title', {}, figureWords.cell({ site: name, ...cell })),
              glyph(cell.state, { x: cellAt(cell.from), y: top, width: pitch - 2, height: rowHeight - 5 }),
            ]),
          ),
          label(figureWords.share(contributed, rounds), [share, top + 12], { class: 'wr-muted', 'text-anchor': 'end' }),
        ]
      }),
      ticks.map((tick) =>
        label(
          String(tick),
          [Math.min(cellAt(tick) + pitch / 2 - 1, width - numberWidth(String(tick)) / 2), bottom + 11],
          {
            class: 'wr-muted',
            'text-anchor': 'middle',
          },
        ),
      ),
      label(figureWords.round(), [(left + width) / 2, bottom + 26], {
        class: 'wr-muted',
        'text-anchor': 'middle',
      }),
    ],
  )
  return { figure, width }
}

type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** Contributed: full. Working: a full dot. Late: half full. Failed: a cross. Refused: empty with a bar. */
export function glyph(state: State, { x, y, width, height }: Box): Markup {
  const frame = h('rect', { x, y, width, height, class: 'wr-fill-paper wr-stroke-local', 'stroke-width': 1.2 })
  const stroke = { class: 'wr-stroke-local', 'stroke-width': 1.4 }
  switch (state) {
    case 'contributed':
      return h('rect', { x, y, width, height, class: 'wr-fill-federated' })
    case 'working':
      return [
        frame,
        h('circle', {
          cx: x + width / 2,
          cy: y + height / 2,
          r: Math.min(width, height) / 4,
          class: 'wr-fill-federated',
        }),
      ]
    case 'late':
      return [frame, h('rect', { x, y: y + height / 2, width, height: height / 2, class: 'wr-fill-local' })]
    case 'failed':
      return [frame, line([x, y], [x + width, y + height], stroke), line([x, y + height], [x + width, y], stroke)]
    case 'refused':
      return [frame, line([x, y + height / 2], [x + width, y + height / 2], stroke)]
  }
}
