/**
 * Inner products of many vectors at once, a few hundred coordinates of all of them at a time, tile by tile: of four vectors and four others. The memory for it is one for
 * all; nothing in it outlives a call.
 */
import { type ProductKernel, panelBytes, panelLength, productKernelAt, tileRows } from '../product-kernel.ts'
import { float32Of, float64Of } from '../safetensors.ts'
import type { Vector } from '../vector.ts'
import { plain, workbench } from '../workbench.ts'

export type ProductTiles = {
  /** [rows × rows], of which the lower half is used. */
  readonly sums: Float64Array
  /** Adds the products of some coordinates, for each pair from low to high. */
  add(vectors: readonly Vector[], part: Part): void
}

/** Coordinates `from` … `to` − 1. `diagonal`: at least of each vector with itself. */
type Part = { readonly from: number; readonly to: number; readonly diagonal: boolean }

/** Coordinates of a tile: those of its eight vectors are 16 KB, which a processor's nearest cache holds. */
const tileLength = 256

let last: { readonly rows: number; readonly withKernel: boolean; readonly tiles: ProductTiles } | undefined

/** `rows`: a multiple of tileRows. */
export function productTiles(rows: number, withKernel: boolean): ProductTiles {
  if (last?.rows !== rows || last.withKernel !== withKernel)
    last = { rows, withKernel, tiles: tilesOf(memoryFor(rows, withKernel)) }
  return last.tiles
}

type Memory = {
  readonly rows: number
  readonly sums: Float64Array
  /** As the kernel has them: coordinate k of row r is at panelAt(r) + 2·k. */
  readonly panels: Float64Array
  /** Two vectors, before they become a panel. */
  readonly pair: readonly [Float32Array, Float32Array]
  readonly kernel: ProductKernel | undefined
}

function memoryFor(rows: number, withKernel: boolean): Memory {
  const [sumBytes, allPanelBytes, vectorBytes] = [8 * rows * rows, (rows / 2) * panelBytes, 4 * panelLength]
  const take = withKernel ? workbench(sumBytes + allPanelBytes + 2 * vectorBytes + 64).begin() : plain
  const [sums, panels] = [float64Of(take(sumBytes)), float64Of(take(allPanelBytes))]
  const pair = [float32Of(take(vectorBytes)), float32Of(take(vectorBytes))] as const
  return { rows, sums, panels, pair, kernel: productKernelAt(sums.buffer) }
}

const panelAt = (row: number): number => (row >> 1) * (panelBytes / 8) + (row % 2)

const tilesOf = (memory: Memory): ProductTiles => ({
  sums: memory.sums,
  add(vectors, { from, to, diagonal }) {
    for (let start = from; start < to; start += panelLength) {
      const part = { from: start, to: Math.min(to, start + panelLength) }
      for (let row = 0; row < memory.rows; row += 2)
        packPair(memory, [vectors[row], vectors[row + 1]], { row, ...part })
      for (let first = 0; first < part.to - start; first += tileLength) {
        const length = Math.min(tileLength, part.to - start - first)
        for (let i = 0; i < memory.rows; i += tileRows)
          for (let j = diagonal ? i : 0; j <= i; j += tileRows) addTile(memory, { i, j, first, length })
      }
    }
  },
})

type Place = { readonly row: number; readonly from: number; readonly to: number }

/** A row that is no vector's is 0. */
function packPair(memory: Memory, vectors: readonly (Vector | undefined)[], { row, from, to }: Place): void {
  const { kernel, pair, panels } = memory
  if (kernel === undefined || vectors.some((vector) => vector instanceof Float64Array)) {
    for (const [k, vector] of vectors.entries()) packPlainly(panels, vector, { row: row + k, from, to })
    return
  }
  for (const [k, place] of pair.entries()) {
    const vector = vectors[k]
    if (vector === undefined) place.fill(0)
    else place.set(vector.subarray(from, to))
  }
  const length = 4 * Math.ceil((to - from) / 4)
  kernel.pack(panels.byteOffset + 8 * panelAt(row), [pair[0].byteOffset, pair[1].byteOffset], length)
}

function packPlainly(panels: Float64Array, vector: Vector | undefined, { row, from, to }: Place): void {
  const first = panelAt(row)
  for (let k = 0; k < to - from; k++) panels[first + 2 * k] = vector?.[from + k] ?? 0
}

/** Of the panels' coordinates from `first` on. */
type Tile = { readonly i: number; readonly j: number; readonly first: number; readonly length: number }

function addTile(memory: Memory, { i, j, first, length }: Tile): void {
  const { kernel, sums, panels, rows } = memory
  const at = (row: number): number => panels.byteOffset + 8 * (panelAt(row) + 2 * first)
  const places = { i: at(i), j: at(j), sumsAt: sums.byteOffset + 8 * (i * rows + j), rowBytes: 8 * rows }
  if (kernel === undefined) addPlainly(memory, { i, j, first, length })
  else kernel.add(places, length)
}

function addPlainly({ sums, panels, rows }: Memory, { i, j, first, length }: Tile): void {
  for (let a = i; a < i + tileRows; a++)
    for (let b = j; b < j + tileRows; b++) {
      const [x, y] = [panelAt(a) + 2 * first, panelAt(b) + 2 * first]
      let sum = sums[a * rows + b] ?? 0
      for (let k = 0; k < 2 * length; k += 2) sum += (panels[x + k] ?? 0) * (panels[y + k] ?? 0)
      sums[a * rows + b] = sum
    }
}
