/**
 * For each coordinate, what several vectors have there in ascending order, −0 before 0; of values that are not NaN. Where the platform has WebAssembly with SIMD, by a
 * network that exchanges four coordinates at a time, with no branch; elsewhere one coordinate after another.
 */
import { type SortKernel, sortKernelAt } from './sort-kernel.ts'
import { sortingNetwork } from './sorting-network.ts'
import { type Take, workbench } from './workbench.ts'

/** Coordinates that are sorted at once: with 32 vectors 128 KB, which a processor's second cache holds. */
export const blockLength = 1024
/** More vectors are sorted one coordinate after another: their network would be longer than what it is to sort. */
export const mostRows = 512

/** The ranks `from` … `to` − 1 of what is sorted. */
export type Ranks = { readonly from: number; readonly to: number }
/** One row a rank, of the coordinates from `start` on. They are the user's until it returns. */
export type UseRows = (rows: readonly Float32Array<ArrayBuffer>[], start: number) => void

/** Vectors are as long as one another. `kernel`: null to sort one coordinate after another. */
export function sortedRows(
  vectors: readonly Float32Array[],
  { ranks, use, kernel = networkFor(vectors.length, ranks) }: { ranks: Ranks; use: UseRows; kernel?: Network | null },
): void {
  const length = vectors[0]?.length ?? 0
  const sort = kernel ?? oneByOne(vectors.length, ranks)
  for (let start = 0; start < length; start += blockLength) {
    const block = vectors.map((vector) => vector.subarray(start, Math.min(length, start + blockLength)))
    use(sort(block), start)
  }
}

/** What comes to the wanted ranks of a block. */
export type Network = (block: readonly Float32Array[]) => readonly Float32Array<ArrayBuffer>[]

/** The one that was used last: a round asks for the same again and again. */
let last: { readonly count: number; readonly ranks: Ranks; readonly network: Network | null } | undefined

function networkFor(count: number, ranks: Ranks): Network | null {
  const known = last?.count === count && last.ranks.from === ranks.from && last.ranks.to === ranks.to
  if (last === undefined || !known) last = { count, ranks, network: network(count, ranks) ?? null }
  return last.network
}

/** undefined where the platform does not take its kernel, and for too many vectors. */
export function network(count: number, ranks: Ranks): Network | undefined {
  if (count > mostRows) return undefined
  const exchanges = sortingNetwork(count, ranks)
  const rowBytes = 4 * blockLength
  const take = workbench(rowBytes * count + 8 * exchanges.length + 64).begin()
  const rows = Array.from({ length: count }, () => rowIn(take))
  const pairs = take(8 * exchanges.length)
  const kernel = sortKernelAt(pairs.buffer)
  if (kernel === undefined) return undefined
  const addresses = exchanges.flat().map((row) => rows[row]?.byteOffset ?? 0)
  new Uint32Array(pairs.buffer, pairs.byteOffset, addresses.length).set(addresses)
  return (block) => sorted(kernel, { rows, pairs, ranks }, block)
}

const rowIn = (take: Take): Float32Array<ArrayBuffer> => {
  const { buffer, byteOffset } = take(4 * blockLength)
  return new Float32Array(buffer, byteOffset, blockLength)
}

type Sorting = {
  readonly rows: readonly Float32Array<ArrayBuffer>[]
  readonly pairs: Uint8Array
  readonly ranks: Ranks
}

/** Fours of coordinates, of which the last may have some that are not looked at. */
function sorted(kernel: SortKernel, { rows, pairs, ranks }: Sorting, block: readonly Float32Array[]) {
  const length = block[0]?.length ?? 0
  const sizeBytes = 16 * Math.ceil(length / 4)
  for (const [index, row] of rows.entries()) {
    row.set(block[index] ?? row)
    kernel.flip(row.byteOffset, sizeBytes)
  }
  if (pairs.length > 0) kernel.exchange({ at: pairs.byteOffset, sizeBytes: pairs.length }, sizeBytes)
  return rows.slice(ranks.from, ranks.to).map((row) => {
    kernel.flip(row.byteOffset, sizeBytes)
    return row.subarray(0, length)
  })
}

function oneByOne(count: number, { from, to }: Ranks): Network {
  const column = new Float32Array(count)
  const rows = Array.from({ length: to - from }, () => new Float32Array(blockLength))
  return (block) => {
    const length = block[0]?.length ?? 0
    for (let i = 0; i < length; i++) {
      for (let index = 0; index < count; index++) column[index] = block[index]?.[i] ?? 0
      column.sort()
      for (const [rank, row] of rows.entries()) row[i] = column[from + rank] ?? 0
    }
    return rows.map((row) => row.subarray(0, length))
  }
}
