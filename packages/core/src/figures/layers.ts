/**
 * Where the boxes of a diagram stand: in layers from top to bottom (Sugiyama et al. 1981), each as high up as what it needs allows. An edge past a layer has
 * a lane of its own there, so that it goes around boxes and not through them.
 */
import type { Point } from './style.ts'

export type Size = { readonly width: number; readonly height: number }
export type Layout = Size & {
  /** Of each box the middle of its upper edge. */
  readonly places: readonly Point[]
  /** For each edge the points that it goes through: from the lower edge of one box to the upper edge of another. */
  readonly paths: readonly (readonly Point[])[]
}

type Edge = readonly [from: number, to: number]

/** A box, or the lane of an edge past a layer. */
type Cell = {
  readonly layer: number
  readonly width: number
  x: number
  readonly above: Cell[]
  readonly below: Cell[]
}

const [gapX, gapY, lane] = [22, 26, 10]
const sweeps = 24

/** Edges go from an earlier box to a later one. */
export function layoutOf(boxes: readonly Size[], edges: readonly Edge[]): Layout {
  const layers = layersOf(boxes.length, edges)
  const cells = boxes.map(({ width }, index): Cell => cellIn(layers[index] ?? 0, width))
  const chains = chainsOf(edges, cells)
  const rows = rowsOf([...new Set([...cells, ...chains.flat()])])
  arrange(rows)
  const heights = rows.map((_, row) =>
    Math.max(...boxes.map(({ height }, index) => (layers[index] === row ? height : 0)), 0),
  )
  const tops = heights.map((_, row) => heights.slice(0, row).reduce((sum, height) => sum + height + gapY, 0))
  const all = rows.flat()
  const left = Math.min(...all.map(({ x, width }) => x - width / 2))
  const right = Math.max(...all.map(({ x, width }) => x + width / 2))
  const at = ({ x }: Cell): number => x - left
  return {
    width: right - left,
    height: (tops.at(-1) ?? 0) + (heights.at(-1) ?? 0),
    places: cells.map((cell) => [at(cell), tops[cell.layer] ?? 0]),
    paths: chains.map((chain, index) => {
      const [from = 0] = edges[index] ?? []
      const start = (tops[layers[from] ?? 0] ?? 0) + (boxes[from]?.height ?? 0)
      return chain.flatMap((cell, step): Point[] => {
        const top = tops[cell.layer] ?? 0
        if (step === 0) return [[at(cell), start]]
        if (step === chain.length - 1) return [[at(cell), top]]
        return [
          [at(cell), top],
          [at(cell), top + (heights[cell.layer] ?? 0)],
        ]
      })
    }),
  }
}

const cellIn = (layer: number, width: number): Cell => ({ layer, width, x: 0, above: [], below: [] })

/** The length of the longest way to each box. */
function layersOf(count: number, edges: readonly Edge[]): readonly number[] {
  const layers = Array.from({ length: count }, () => 0)
  for (const [from, to] of edges.toSorted(([, a], [, b]) => a - b))
    layers[to] = Math.max(layers[to] ?? 0, (layers[from] ?? 0) + 1)
  return layers
}

/** For each edge its cells: lanes past the layers between its boxes, which edges from one box share. */
function chainsOf(edges: readonly Edge[], cells: readonly Cell[]): readonly (readonly Cell[])[] {
  const trunks = new Map<number, Cell[]>()
  return edges.map(([from, to]) => {
    const [first, last] = [cells[from], cells[to]]
    if (first === undefined || last === undefined) return []
    const trunk = trunks.get(from) ?? [first]
    trunks.set(from, trunk)
    while (trunk.length < last.layer - first.layer) {
      const next = cellIn(first.layer + trunk.length, lane)
      link(trunk.at(-1), next)
      trunk.push(next)
    }
    const chain = trunk.slice(0, last.layer - first.layer)
    link(chain.at(-1), last)
    return [...chain, last]
  })
}

function link(above: Cell | undefined, below: Cell): void {
  if (above === undefined) return
  above.below.push(below)
  below.above.push(above)
}

function rowsOf(cells: readonly Cell[]): Cell[][] {
  const rows: Cell[][] = []
  for (const cell of cells) {
    while (rows.length <= cell.layer) rows.push([])
    rows[cell.layer]?.push(cell)
  }
  return rows
}

/** Each row in the order of its neighbours' middle, downwards and upwards by turns; then each cell as near to them as its row allows. */
function arrange(rows: readonly Cell[][]): void {
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isDown = sweep % 2 === 0
    for (const row of isDown ? rows : rows.toReversed()) {
      const wanted = new Map(row.map((cell) => [cell, middle(isDown ? cell.above : cell.below, cell)]))
      row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0))
      settle(row, (cell) => wanted.get(cell) ?? cell.x)
    }
  }
  for (const row of rows) settle(row, (cell) => middle([...cell.above, ...cell.below], cell))
}

const isLane = ({ width }: Cell): boolean => width === lane

/** How much it matters that an edge is straight: that between lanes most, so that it does not wind (after Gansner et al. 1993, 4.2). */
const pull = (a: Cell, b: Cell): number => (isLane(a) && isLane(b) ? 8 : isLane(a) || isLane(b) ? 1 : 4)

function middle(neighbours: readonly Cell[], cell: Cell): number {
  const weight = neighbours.reduce((sum, other) => sum + pull(cell, other), 0)
  return weight === 0 ? cell.x : neighbours.reduce((sum, other) => sum + pull(cell, other) * other.x, 0) / weight
}

/** What stands together because there is no room to stand apart; `sum` and `weight` make its mean. */
type Pool = { readonly cells: { readonly cell: Cell; readonly offset: number }[]; sum: number; weight: number }

/**
 * Puts the cells of a row, in their order, where their distances from what they want are least (pool adjacent violators, Ayer et al. 1955). Boxes weigh more than
 * lanes.
 */
function settle(row: readonly Cell[], wanted: (cell: Cell) => number): void {
  const pools: Pool[] = []
  let offset = 0
  for (const [index, cell] of row.entries()) {
    const before = row[index - 1]
    offset += before === undefined ? 0 : (before.width + cell.width) / 2 + gapX
    const weight = isLane(cell) ? 1 : 4
    pools.push({ cells: [{ cell, offset }], sum: weight * (wanted(cell) - offset), weight })
    merge(pools)
  }
  for (const { cells, sum, weight } of pools) for (const held of cells) held.cell.x = sum / weight + held.offset
}

function merge(pools: Pool[]): void {
  for (;;) {
    const [before, last] = [pools.at(-2), pools.at(-1)]
    if (before === undefined || last === undefined || before.sum / before.weight <= last.sum / last.weight) return
    before.cells.push(...last.cells)
    before.sum += last.sum
    before.weight += last.weight
    pools.pop()
  }
}
